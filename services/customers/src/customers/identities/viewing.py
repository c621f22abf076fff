"""How a caller sees identities: in the clear, which is written into the audit log, or masked."""

from collections.abc import Callable, Sequence

from customers.audit.reads import ReadLog
from customers.audit.service import Entry
from customers.identities.rules import Identity
from customers.identities.schemas import CustomerIdentity
from customers.identities.service import Shown
from customers.privacy.masking import MASK, mask_email, mask_phone
from customers.privacy.viewing import SCOPE
from shared.http import Caller

_SHOWN_LETTERS = 2
# Ids that callers gave themselves tell nobody how to reach anyone.
_IN_THE_CLEAR = frozenset({"external_id"})


def viewed(caller: Caller, customer_id: str, readings: ReadLog | None = None) -> Callable[[Sequence[Shown]], list[CustomerIdentity]]:
    """Return how a caller sees a customer's identities.

    Args:
        caller: who will see them; a member sees himself.
        customer_id: whose they are.
        readings: takes note of what is seen in the clear; None where the caller told it himself just now.
    """

    def show(identities: Sequence[Shown]) -> list[CustomerIdentity]:
        if caller.kind != "member" and SCOPE not in caller.scopes:
            return [CustomerIdentity.of(each, _masked(each.kept.identity)) for each in identities]
        seen = sorted({each.kept.identity.kind for each in identities} - _IN_THE_CLEAR)
        if readings is not None and caller.kind != "member" and seen:
            readings.note(Entry(caller.principal, "contact_read", customer_id, fields=seen))
        return [CustomerIdentity.of(each, each.kept.identity.value) for each in identities]

    return show


def note_resolved(caller: Caller, customer_id: str, asked: Sequence[Identity], readings: ReadLog) -> None:
    """Take note that who may not see contact data learned whose an identifier is."""
    kinds = sorted({identity.kind for identity in asked} - _IN_THE_CLEAR)
    if kinds and SCOPE not in caller.scopes:
        readings.note(Entry(caller.principal, "contact_resolved", customer_id, fields=kinds))


def _masked(identity: Identity) -> str:
    match identity.kind:
        case "email":
            return mask_email(identity.value)
        case "phone":
            return mask_phone(identity.value)
        case "external_id":
            return identity.value
        case _:
            return f"{identity.value[:_SHOWN_LETTERS]}{MASK}"
