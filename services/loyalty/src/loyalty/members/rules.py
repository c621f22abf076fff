"""What a member has, and the tag by which a caller knows whether that has changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from zlib import crc32

_POINTS = "points"


class Person(NamedTuple):
    """Who stands behind a customer id: his family, and all whose points he can spend."""

    customer_id: str
    family: list[str]
    pool: list[str]
    closed_at: datetime | None
    enrolled_at: datetime | None
    version: int
    household_id: str | None


class WalletState(NamedTuple):
    """What a family holds of one kind; `lapsed` has expired and is not booked yet, `booked` is the sum of the ledger."""

    wallet: str
    kind: str
    currency: str | None
    balance: int
    lifetime: int
    pending: int
    held: int
    lapsed: int
    booked: int
    pool_balance: int | None


@dataclass(frozen=True, slots=True)
class MemberState:
    """A member and his wallets at one moment."""

    person: Person
    wallets: Sequence[WalletState]

    tier: str | None = None
    tier_until: datetime | None = None

    @property
    def points(self) -> WalletState:
        """His wallet of points."""
        return next(state for state in self.wallets if state.wallet == _POINTS)


def tag_of(member: MemberState) -> str:
    """Return the strong entity tag of a member.

    His version alone tells of every entry. Time too can change what he has, by what becomes available, lapses or is let go, and so can
    others of his family and household, and his tier: as long as any of that is possible the figures belong to the tag.
    """
    # A member of whom nothing was told yet is at version 0, and tags begin with 1.
    version = member.person.version + 1
    if (
        len(member.person.family) == 1
        and member.tier is None
        and member.person.household_id is None
        and not any(s.pending or s.held or s.lapsed for s in member.wallets)
    ):
        return f'"{version}"'
    figures: list[tuple] = [(s.wallet, s.balance, s.pending, s.held, s.pool_balance) for s in member.wallets]
    others = (member.person.family, member.person.household_id, member.tier, member.tier_until)
    return f'"{version}-{crc32(repr((*others, figures)).encode()):08x}"'
