"""The ledger counted the slow way: plain Python over lists, a point at a time where that is simplest."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from loyalty.expiry.rules import Term, effective_expiry, expires_after

EVER = datetime.max.replace(tzinfo=UTC)
SECOND = timedelta(seconds=1)


@dataclass
class Lot:
    owner: str
    granted: int
    earned_at: datetime
    available_from: datetime | None
    expires_at: datetime | None
    left: int
    number: int
    term: Term | None = None
    told_at: datetime | None = None
    since: datetime | None = None

    def key(self):
        return (self.expires_at or EVER, self.earned_at, self.number)

    def pending(self, at):
        return self.available_from is not None and self.available_from > max(at, self.earned_at)


@dataclass
class Hold:
    owner: str
    points: int
    expires_at: datetime
    parts: list[tuple[Lot, int]]
    is_open: bool = True
    created_at: datetime | None = None
    closed_at: datetime | None = None

    def active(self, at):
        return self.is_open and at < self.expires_at


@dataclass
class Model:
    """Wallets of points of some members; `links` are merges, `households` who spends together."""

    policy: str = "allow_negative"
    lots: list[Lot] = field(default_factory=list)
    holds: dict[str, Hold] = field(default_factory=dict)
    owed: dict[str, int] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    households: list[set[str]] = field(default_factory=list)
    redemptions: dict[str, list[tuple[Lot, int]]] = field(default_factory=dict)
    orders: dict[str, dict] = field(default_factory=dict)
    everybody: tuple[str, ...] = ()
    # Policies of expiry by when they began, moments of activity, and what left lots (or a wallet's credit): with when it was and was told.
    terms: list[tuple[datetime, Term]] = field(default_factory=list)
    activities: dict[str, list[tuple[datetime, datetime]]] = field(default_factory=dict)
    log: list[tuple[Lot | str, int, datetime, datetime]] = field(default_factory=list)

    def root(self, who):
        while who in self.links:
            who = self.links[who]
        return who

    def family(self, who):
        return {other for other in {*self.everybody, who} if self.root(other) == self.root(who)}

    def pool(self, who):
        family = self.family(who)
        joined = next((house for house in self.households if house & family), set())
        return family.union(*(self.family(other) for other in joined))

    def active(self, who, moment, told_at):
        self.activities.setdefault(who, []).append((moment, told_at))

    def expiry(self, lot, at, known=EVER):
        if lot.term is None:
            return lot.expires_at or EVER
        family = self.family(lot.owner)
        seen = [moment for who in family for moment, told in self.activities.get(who, ()) if moment <= at and told <= known]
        return effective_expiry(lot.term, lot.expires_at, seen)

    def lapsed(self, lot, at, known=EVER):
        return self.expiry(lot, at, known) <= at

    def order_of(self, lot, at):
        return (self.expiry(lot, at), *lot.key())

    def take(self, lot, points, moment, told_at):
        lot.left -= points
        self.log.append((lot, points, moment, told_at))

    def owe(self, who, points, moment, told_at):
        self.owed[who] = self.owed.get(who, 0) + points
        self.log.append((who, points, moment, told_at))

    def held(self, lot, at):
        return sum(points for hold in self.holds.values() if hold.active(at) for part, points in hold.parts if part is lot)

    def spendable(self, owners, at):
        free = sum(lot.left - self.held(lot, at) for lot in self.of(owners) if not self.lapsed(lot, at) and not lot.pending(at))
        return free - sum(self.owed.get(owner, 0) for owner in owners)

    def pending(self, owners, at):
        return sum(lot.left for lot in self.of(owners) if lot.pending(at) and not self.lapsed(lot, at))

    def held_by(self, owners, at):
        return sum(self.held(lot, at) for lot in self.of(owners))

    def of(self, owners):
        return [lot for lot in self.lots if lot.owner in owners]

    def choose(self, owners, points, at, *, with_pending=False, spared=None):
        chosen = []
        for lot in sorted(self.of(owners), key=lambda lot: self.order_of(lot, at)):
            if self.lapsed(lot, at) or lot is spared or (lot.pending(at) and not with_pending):
                continue
            take = min(points, max(lot.left - self.held(lot, at), 0))
            if take > 0:
                chosen.append((lot, take))
                points -= take
        return chosen, points

    def grant(self, who, points, at, earned_at, available_from=None, expires_at=None, *, is_activity=True):
        term = None
        if expires_at is None:
            current = max((term for term in self.terms if term[0] <= earned_at), key=lambda term: term[0], default=None)
            if current is not None:
                expires_at = expires_after(current[1], earned_at)
                term = current[1] if current[1].kind == "activity" else None
        lot = Lot(who, points, earned_at, available_from, expires_at, points, len(self.lots), term, at, earned_at)
        self.lots.append(lot)
        if is_activity:
            self.active(who, earned_at, at)
        self.settle(who, at, earned_at)
        return lot

    def settle(self, who, at, moment):
        chosen, _ = self.choose({who}, self.owed.get(who, 0), at, with_pending=True)
        for lot, points in chosen:
            self.take(lot, points, moment, at)
            self.owe(who, -points, moment, at)

    def redeem(self, who, points, at, source, on=None):
        if self.spendable(self.pool(who), at) < points:
            return False
        chosen, missing = self.choose(self.pool(who), points, at)
        assert missing == 0
        self.redemptions[source] = chosen
        self._spend(chosen, on or at, at)
        return True

    def _spend(self, chosen, moment, at):
        for lot, taken in chosen:
            self.take(lot, taken, moment, at)
        for owner in {lot.owner for lot, _ in chosen}:
            self.active(owner, moment, at)

    def restore(self, source, points, at):
        parts = sorted(self.redemptions[source], key=lambda part: part[0].key(), reverse=True)
        if not 0 < points <= sum(taken for _, taken in parts):
            return False
        after = []
        for lot, taken in parts:
            back = min(points, taken)
            points -= back
            if back:
                self.take(lot, -back, at, at)
            after.append((lot, taken - back))
        self.redemptions[source] = after
        return True

    def hold(self, who, points, at, seconds, name):
        if self.spendable(self.pool(who), at) < points:
            return False
        chosen, missing = self.choose(self.pool(who), points, at)
        assert missing == 0
        self.holds[name] = Hold(who, points, at + seconds * SECOND, chosen, created_at=at)
        return True

    def close(self, name, points, at):
        hold = self.holds[name]
        if not hold.active(at) or points > hold.points:
            return False
        hold.is_open, hold.closed_at = False, at
        taken = []
        for lot, part in sorted(hold.parts, key=lambda part: self.order_of(part[0], at)):
            take = min(points, part)
            points -= take
            if take:
                taken.append((lot, take))
        self._spend(taken, at, at)
        self.redemptions[name] = taken
        return True

    def transfer(self, giver, receiver, points, at):
        if self.spendable(self.family(giver), at) < points:
            return False
        chosen, missing = self.choose(self.family(giver), points, at)
        assert missing == 0
        for lot, taken in chosen:
            self.take(lot, taken, at, at)
        for lot, taken in chosen:
            expires_at = self.expiry(lot, at)
            given = None if expires_at == EVER else expires_at
            self.lots.append(Lot(receiver, taken, lot.earned_at, lot.available_from, given, taken, len(self.lots), lot.term, at, at))
        self.settle(receiver, at, at)
        return True

    def place_order(self, order_id, who, amount, at, placed_at):
        if order_id not in self.orders:
            lot = self.grant(who, amount // 100, at, placed_at) if amount >= 100 else None
            # The ledger notes by its own clock when it heard of an order.
            self.active(who, placed_at, EVER)
            self.orders[order_id] = {"amount": amount, "returned": 0, "cancelled": False, "lot": lot, "expired": 0}

    def take_back(self, order_id, at, *, returned=0, cancel=False):
        order = self.orders[order_id]
        kept = 0 if order["cancelled"] else max(order["amount"] - order["returned"], 0) // 100
        order["returned"] += returned
        order["cancelled"] = order["cancelled"] or cancel
        wanted = kept - (0 if order["cancelled"] else max(order["amount"] - order["returned"], 0) // 100)
        lot = order["lot"]
        if wanted == 0 or (self.policy == "only_pending" and not lot.pending(at)):
            return
        own = min(wanted, max(lot.left - self.held(lot, at), 0))
        self.take(lot, own, at, at)
        if self.policy == "only_pending":
            return
        chosen, missing = self.choose(self.family(lot.owner), wanted - own, at, with_pending=True, spared=lot)
        for other, taken in chosen:
            self.take(other, taken, at, at)
        if self.policy == "allow_negative":
            self.owe(lot.owner, missing, at, at)

    def as_of(self, owners, valid, known):
        """Return what was spendable and pending at an instant, as far as it was known at another."""
        spendable = pending = 0
        taken = [(what, points) for what, points, moment, told in self.log if moment <= valid and told <= known]
        for lot in self.of(owners):
            if lot.since > valid or lot.told_at > known:
                continue
            left = lot.granted - sum(points for what, points in taken if what is lot)
            if self.lapsed(lot, valid, known):
                continue
            if lot.pending(valid):
                pending += left
            else:
                spendable += left - self._held_as_of(lot, valid, min(valid, known))
        return spendable - sum(points for what, points in taken if isinstance(what, str) and what in owners), pending

    def _held_as_of(self, lot, valid, seen):
        return sum(
            points
            for hold in self.holds.values()
            if hold.created_at <= seen and hold.expires_at > valid and (hold.closed_at is None or hold.closed_at > seen)
            for part, points in hold.parts
            if part is lot
        )
