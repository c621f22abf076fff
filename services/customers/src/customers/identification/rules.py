"""Who somebody is that was seen with some identifiers: a customer who is known, or somebody new."""

from collections.abc import Sequence

from customers.identities.errors import NobodyResolved
from customers.identities.rules import Found, IdentityKind, agreed

# A device passes from hand to hand; the others are given to one person, or told by him.
WEAK: frozenset[IdentityKind] = frozenset({"device"})


def known_by(found: Sequence[Found]) -> tuple[str, list[IdentityKind]] | None:
    """Return the customer whom identifiers lead to with certainty, and the kinds that do; None when none of them does.

    What a person is given or tells leads to him whoever had the device before; a device alone leads to him when nothing else is told.

    Raises:
        IdentitiesDisagree: they lead to different customers.
        CustomerAmbiguous: they lead to several customers.
    """
    strong = [each for each in found if each.identity.kind not in WEAK]
    deciding = strong or list(found)
    try:
        root_id = agreed(deciding)
    except NobodyResolved:
        return None
    return root_id, sorted({each.identity.kind for each in deciding if each.roots})


def carried_by(found: Sequence[Found]) -> str | None:
    """Return the only customer who had the devices that somebody unknown is seen with; None when there is not exactly one.

    He is the same person only if nothing is known of him but his devices: a visitor who now tells who he is.
    """
    roots = [each.roots for each in found if each.identity.kind in WEAK and each.roots]
    common = frozenset.intersection(*roots) if roots else frozenset[str]()
    return next(iter(common)) if len(common) == 1 else None
