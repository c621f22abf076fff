"""Whom rows speak of, by all identities that they hold: pure.

Rows apply in their order: what one of them tells of somebody, the next ones find. Each identity that somebody has must lead to the same
customer; one that nobody has yet is his from then on.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from customers.identities.errors import CustomerAmbiguous, IdentitiesDisagree
from customers.identities.rules import common
from customers.imports.grouping import Group
from customers.imports.targets import Key
from customers.imports.validation import Draft, Refusal

# The records that have an identity, by the roots of their families.
Holders = Mapping[str, Sequence[str]]
_NEW = "new:"
_MET = f"{_NEW}#"
_BLOCKED = ("identity_blocked", "This value identifies nobody.")
_AMBIGUOUS = ("identity_ambiguous", "Several customers have this identity.")


@dataclass(slots=True)
class Party(Group):
    """Rows of one customer.

    Attributes:
        name: the root of his family, or what stands for somebody whom nobody knows.
        record_id: the record that the rows speak of; None of somebody whom nobody knows.
        led: the identities by which each of the rows was recognised.
    """

    name: str = ""
    record_id: str | None = None
    led: list[tuple[str, ...]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of identities before the rows of a piece are looked at.

    Attributes:
        holders: who has them.
        owners: who was told to have them by earlier rows of a dry run: root, or name of a new customer.
        worthless: those that lead to nobody, because they are blocked (True) or too many have them (False).
        met: names of those of whom earlier rows of the file have told something.
    """

    holders: Mapping[Key, Holders]
    owners: Mapping[Key, str] = field(default_factory=dict)
    worthless: Mapping[Key, bool] = field(default_factory=dict)
    met: Collection[str] = ()


def resolve(group: Group, known: Known, mode: str = "upsert") -> tuple[list[Party], list[Refusal]]:
    """Return the customers whom the rows of a group speak of, and the rows that are refused.

    Args:
        group: the rows.
        known: whom they can speak of.
        mode: create, update or upsert: a row that may do nothing passes none of its identities on.
    """
    party = _single(group, known)
    if party is not None:
        return [party], []
    parties: dict[str, Party] = {}
    owners: dict[Key, str] = {}
    refused: list[Refusal] = []
    for draft in group.drafts:
        trusted = [key for key in draft.keys if key not in known.worthless]
        if not trusted:
            key = draft.keys[0]
            refused.append(Refusal(draft.row, f"/{key[0]}", *(_BLOCKED if known.worthless[key] else _AMBIGUOUS)))
            continue
        roots = {key: _roots(key, known, owners) for key in trusted}
        led = tuple(target for target, _ in (key for key in trusted if roots[key]))
        name = _agreed(draft, roots, led)
        if isinstance(name, Refusal):
            refused.append(name)
            continue
        party = parties.get(name)
        if party is None:
            party = parties[name] = Party([], name=name, record_id=_record(name, [known.holders.get(key, {}) for key in trusted]))
        party.drafts.append(draft)
        party.led.append(led)
        if refusal_of(party, known.met, mode) is None:
            owners.update((key, name) for key in trusted if not roots[key])
    return list(parties.values()), refused


def _single(group: Group, known: Known) -> Party | None:
    """Return the customer of rows that have one identity alone, the same, which nobody has or one; what most rows are, told quickly."""
    key = group.drafts[0].keys[0]
    holders = known.holders.get(key, {})
    if len(holders) > 1 or key in known.owners or key in known.worthless or any(draft.keys != (key,) for draft in group.drafts):
        return None
    led: list[tuple[str, ...]] = [(key[0],)] * len(group.drafts)
    for root_id, records in holders.items():
        return Party(group.drafts, name=root_id, record_id=records[0] if len(records) == 1 else root_id, led=led)
    led[0] = ()
    return Party(group.drafts, name=_NEW + "\0".join(key), led=led)


def refusal_of(party: Party, met: Collection[str], mode: str) -> tuple[str, str] | None:
    """Return code and detail of why rows may do nothing, or None when they may."""
    if mode == "update" and party.record_id is None:
        return "customer_unknown", "No customer has this identity."
    if mode == "create" and party.record_id is not None and party.name not in met:
        return "customer_exists", "A customer has this identity."
    return None


def _roots(key: Key, known: Known, owners: Mapping[Key, str]) -> frozenset[str]:
    holders = known.holders.get(key)
    if holders:
        return frozenset(holders)
    owner = owners.get(key) or known.owners.get(key)
    return frozenset() if owner is None else frozenset((owner,))


def _agreed(draft: Draft, roots: Mapping[Key, frozenset[str]], led: Sequence[str]) -> str | Refusal:
    """Return the customer whom identities lead to, or why they do not; a new one when nobody has them."""
    if not led:
        return _NEW + "\0".join(next(iter(roots)))
    try:
        return common([each for each in roots.values() if each])
    except IdentitiesDisagree as error:
        detail = f"{' and '.join(led)} lead to different customers."
        return Refusal(draft.row, f"/{led[-1]}", error.code, detail)
    except CustomerAmbiguous:
        return Refusal(draft.row, f"/{led[0]}", *_AMBIGUOUS)


def _record(root_id: str, holders: Sequence[Holders]) -> str | None:
    """Return the record of a customer that identities name; his root where they name several, or none."""
    if is_new(root_id):
        return None
    named = {record_id for each in holders for record_id in each.get(root_id, ())}
    return named.pop() if len(named) == 1 else root_id


def is_new(name: str) -> bool:
    """Tell whether a name stands for somebody whom nobody knows."""
    return name.startswith(_NEW)


def kept_name(name: str) -> str:
    """Return what a dry run remembers of a name: of somebody new, nothing that he could be known by."""
    return f"{_MET}{number_of(name)}" if is_new(name) and not name.startswith(_MET) else name


def number_of(key: Key | str) -> int:
    """Return a number that stands for an identity or a customer; no two have one, as far as anybody will see."""
    text = key if isinstance(key, str) else "\0".join(key)
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)
