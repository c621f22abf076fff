"""The ledger counted the slow way: plain Python over lists, a point at a time where that is simplest."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

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

    def key(self):
        return (self.expires_at is None, self.expires_at or self.earned_at, self.earned_at, self.number)

    def lapsed(self, at):
        return self.expires_at is not None and self.expires_at <= at

    def pending(self, at):
        return self.available_from is not None and self.available_from > max(at, self.earned_at)


@dataclass
class Hold:
    owner: str
    points: int
    expires_at: datetime
    parts: list[tuple[Lot, int]]
    is_open: bool = True

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

    def held(self, lot, at):
        return sum(points for hold in self.holds.values() if hold.active(at) for part, points in hold.parts if part is lot)

    def spendable(self, owners, at):
        free = sum(lot.left - self.held(lot, at) for lot in self.of(owners) if not lot.lapsed(at) and not lot.pending(at))
        return free - sum(self.owed.get(owner, 0) for owner in owners)

    def pending(self, owners, at):
        return sum(lot.left for lot in self.of(owners) if lot.pending(at) and not lot.lapsed(at))

    def held_by(self, owners, at):
        return sum(self.held(lot, at) for lot in self.of(owners))

    def of(self, owners):
        return sorted((lot for lot in self.lots if lot.owner in owners), key=Lot.key)

    def choose(self, owners, points, at, *, with_pending=False, spared=None):
        chosen = []
        for lot in self.of(owners):
            if lot.lapsed(at) or lot is spared or (lot.pending(at) and not with_pending):
                continue
            take = min(points, max(lot.left - self.held(lot, at), 0))
            if take > 0:
                chosen.append((lot, take))
                points -= take
        return chosen, points

    def grant(self, who, points, at, earned_at, available_from=None, expires_at=None):
        lot = Lot(who, points, earned_at, available_from, expires_at, points, len(self.lots))
        self.lots.append(lot)
        self.settle(who, at)
        return lot

    def settle(self, who, at):
        chosen, _ = self.choose({who}, self.owed.get(who, 0), at, with_pending=True)
        for lot, points in chosen:
            lot.left -= points
            self.owed[who] -= points

    def redeem(self, who, points, at, source):
        if self.spendable(self.pool(who), at) < points:
            return False
        chosen, missing = self.choose(self.pool(who), points, at)
        assert missing == 0
        for lot, taken in chosen:
            lot.left -= taken
        self.redemptions[source] = chosen
        return True

    def restore(self, source, points):
        parts = sorted(self.redemptions[source], key=lambda part: Lot.key(part[0]), reverse=True)
        if not 0 < points <= sum(taken for _, taken in parts):
            return False
        after = []
        for lot, taken in parts:
            back = min(points, taken)
            points -= back
            lot.left += back
            after.append((lot, taken - back))
        self.redemptions[source] = after
        return True

    def hold(self, who, points, at, seconds, name):
        if self.spendable(self.pool(who), at) < points:
            return False
        chosen, missing = self.choose(self.pool(who), points, at)
        assert missing == 0
        self.holds[name] = Hold(who, points, at + seconds * SECOND, chosen)
        return True

    def close(self, name, points, at):
        hold = self.holds[name]
        if not hold.active(at) or points > hold.points:
            return False
        hold.is_open = False
        taken = []
        for lot, part in sorted(hold.parts, key=lambda part: Lot.key(part[0])):
            take = min(points, part)
            points -= take
            lot.left -= take
            if take:
                taken.append((lot, take))
        self.redemptions[name] = taken
        return True

    def transfer(self, giver, receiver, points, at):
        if self.spendable(self.family(giver), at) < points:
            return False
        chosen, missing = self.choose(self.family(giver), points, at)
        assert missing == 0
        for lot, taken in chosen:
            lot.left -= taken
        for lot, taken in chosen:
            self.lots.append(Lot(receiver, taken, lot.earned_at, lot.available_from, lot.expires_at, taken, len(self.lots)))
        self.settle(receiver, at)
        return True

    def place_order(self, order_id, who, amount, at, placed_at):
        if order_id not in self.orders:
            lot = self.grant(who, amount // 100, at, placed_at) if amount >= 100 else None
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
        lot.left -= own
        if self.policy == "only_pending":
            return
        chosen, missing = self.choose(self.family(lot.owner), wanted - own, at, with_pending=True, spared=lot)
        for other, taken in chosen:
            other.left -= taken
        if self.policy == "allow_negative":
            self.owed[lot.owner] = self.owed.get(lot.owner, 0) + missing
