"""What a till or shop asks before a member pays: all that comes off a basket, from where, and what it would earn. Nothing is kept of it."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from asyncpg import Record

from loyalty.abuse.guard import count_wrong_guess, guard_guesses
from loyalty.discounts import service as discounts
from loyalty.earning.standing import schemes_of, with_tier
from loyalty.ledger.rules import POINTS
from loyalty.members import service as members
from loyalty.participations.repository import absent
from loyalty.payments import service as payments
from loyalty.payments.rules import Paid, paid_with
from loyalty.programmes import service as programmes
from loyalty.programmes.errors import ProgrammeNotRunning
from loyalty.programmes.rules import Programme
from loyalty.programmes.the_programme import PROGRAMME_ID
from loyalty.quotes.answers import quote_of
from loyalty.quotes.rules import Cut, Priced, Shown, percentage, price, stacked
from loyalty.quotes.schemas import Quote, QuotedPoints, QuoteRequest
from loyalty.rewards import repository as rewards
from loyalty.simulations import service as simulations
from loyalty.simulations.schemas import SimulatedLine, SimulatedOrder
from loyalty.tiers import service as tiers
from loyalty.tiers.rules import Stood
from loyalty.vouchers import service as vouchers
from loyalty.vouchers.errors import VoucherNotFound, VoucherProgrammeLeft
from loyalty.vouchers.rules import Article, Purchase, Terms, normalised, refusal
from shared.database.moments import database_now
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.following.links import Family, family

# What a code promises that there is not.
_NOTHING = Terms("percent", 1)


class Worked(NamedTuple):
    """A quote, and how it came to be; `asked` is what points would pay if there were as many as were wanted."""

    quote: Quote
    priced: Priced
    basket: Purchase
    person: Family
    asked: Paid


async def quote(uow: UnitOfWork, wanted: QuoteRequest, *, caller: str | None = None) -> Quote:
    """Return what a member pays for a basket at this moment, and what the order would earn.

    Raises:
        MemberNotFound: there is no such member.
        ProgrammeNotFound: there is no such programme.
        ProgrammeNotRunning: it does not run now.
        PointsNotPayable: points are to be spent that are worth nothing in its currency.
        VelocityExceeded: too many codes that there are not were tried.
    """
    rows: Mapping[str, Record] = {}
    if wanted.codes:
        await guard_guesses(uow, customer_id=wanted.customer_id, caller=caller)
        codes = codes_of(wanted)
        rows = await vouchers.found_among(uow.connection, codes)
        for _ in range(len(codes) - len(rows)):
            await count_wrong_guess(uow, customer_id=wanted.customer_id, caller=caller)
    return (await work_out(uow.connection, wanted, rows)).quote


def codes_of(wanted: QuoteRequest) -> list[str]:
    """Return the codes that were shown, as they are stored, each once."""
    return list(dict.fromkeys(map(normalised, wanted.codes)))


async def work_out(connection: Connection, wanted: QuoteRequest, rows: Mapping[str, Record]) -> Worked:
    """Return a quote, with those of its codes that there are.

    Raises:
        MemberNotFound: there is no such member.
        ProgrammeNotFound: there is no such programme.
        ProgrammeNotRunning: it does not run now.
        PointsNotPayable: points are to be spent that are worth nothing in its currency.
    """
    customer_id = wanted.customer_id
    await members.require(connection, customer_id)
    programme_id = await programmes.require(connection, wanted.programme_id)
    moment = await database_now(connection)
    stood = await _stood(connection, customer_id, moment)
    found = next((one for programme, one in stood if programme.id == programme_id), None)
    if found is None:
        raise ProgrammeNotRunning(pointer="/programme_id")
    named = {programme.id for programme, _ in stood} | {row["programme_id"] for row in rows.values()}
    away = {one for one in named - {PROGRAMME_ID} if await absent(connection, one, [(customer_id, moment)])}
    basket, person = await _basket(connection, wanted)
    if programme_id in away:
        found, own = Stood(), None
    else:
        own = await _own(connection, customer_id, programme_id, found, basket, moment)
    used = await vouchers.used_by(connection, rows.values(), person)
    priced = price(basket, own, _shown(wanted, rows, basket, used, away, moment))
    paid, asked = await _paid(connection, wanted, programme_id, sum(priced.left(basket)) + priced.shipping_left(basket), moment)
    earns = {
        programme.id: await _points(connection, programme, one, wanted, priced.left(basket), moment)
        for programme, one in stood
        if programme.id not in away
    }
    return Worked(quote_of(wanted, programme_id, moment, found, basket, priced, rows, paid, earns), priced, basket, person, asked)


async def _paid(
    connection: Connection, wanted: QuoteRequest, programme_id: str, payable_minor: int, moment: datetime
) -> tuple[QuotedPoints | None, Paid]:
    """Return what points pay of a basket, and what they would pay if there were as many as are wanted."""
    if not wanted.points:
        return None, Paid(0, 0)
    worth = await payments.worth_of(connection, programme_id, wanted.currency, moment)
    spendable = (await rewards.spendable(connection, programme_id, [POINTS], wanted.customer_id))[POINTS]
    paid = paid_with(max(min(wanted.points, spendable), 0), worth, payable_minor)
    told = QuotedPoints(points=paid.points, amount_minor=paid.amount_minor, spendable=spendable)
    return told, paid_with(wanted.points, worth, payable_minor)


async def _stood(connection: Connection, customer_id: str, moment: datetime) -> list[tuple[Programme, Stood]]:
    """Return the programmes that run, and what the member has in each."""
    stood = []
    for programme in await programmes.running(connection, [moment]):
        [one] = await tiers.standings_at(connection, programme.id, [(customer_id, moment)], await schemes_of(connection, programme))
        stood.append((programme, one))
    return stood


async def _basket(connection: Connection, wanted: QuoteRequest) -> tuple[Purchase, Family]:
    lines = [Article(line.sku, line.quantity, line.amount_minor, line.category) for line in wanted.lines]
    person = await family(connection, wanted.customer_id)
    amount = sum(line.amount_minor for line in lines)
    return Purchase(frozenset(person.ids), amount, wanted.shipping_minor, wanted.currency, lines), person


async def _own(connection: Connection, customer_id: str, programme_id: str, stood: Stood, basket: Purchase, moment: datetime) -> Cut:
    """Return the higher one of the member's percentages: that of his tier, or that of what he has bought."""
    of_tier = stood.benefits.get("percent_bp", 0)
    accumulated = await discounts.standing_of(connection, customer_id, moment, programme_id)
    of_purchases = accumulated[2].percent_bp if accumulated is not None else 0
    if of_purchases > of_tier:
        return percentage(basket, "accumulating", None, of_purchases)
    return percentage(basket, "tier", stood.tier, of_tier)


def _shown(
    wanted: QuoteRequest,
    rows: Mapping[str, Record],
    basket: Purchase,
    used: Mapping[str, int],
    away: Collection[str],
    moment: datetime,
) -> list[Shown]:
    """Return the codes with what they promise, and the reason why one is worth nothing for the basket."""
    shown: list[Shown] = []
    beside: Counter[str] = Counter()
    for each in stacked([_read(code, rows) for code in codes_of(wanted)]):
        row = rows.get(each.code)
        if row is None:
            shown.append(each)
            continue
        reason = refusal(each.terms, row["customer_id"], row["redeemed"], basket, moment)
        if reason is None and row["programme_id"] in away:
            reason = VoucherProgrammeLeft.code
        batch_id = row["batch_id"]
        reason = reason or vouchers.beyond_limits(row, used.get(batch_id, 0), beside[batch_id])
        beside[batch_id] += reason is None
        shown.append(Shown(each.code, each.terms, reason))
    return shown


def _read(code: str, rows: Mapping[str, Record]) -> Shown:
    return Shown(code, vouchers.terms_of(rows[code])) if code in rows else Shown(code, _NOTHING, VoucherNotFound.code)


async def _points(
    connection: Connection, programme: Programme, stood: Stood, wanted: QuoteRequest, left: Sequence[int], moment: datetime
) -> int:
    lines = [
        SimulatedLine(sku=line.sku, quantity=line.quantity, amount_minor=amount, category=line.category)
        for line, amount in zip(wanted.lines, left, strict=True)
    ]
    order = SimulatedOrder(lines=lines, currency=wanted.currency, channel=wanted.channel, shop=wanted.shop, customer_id=wanted.customer_id)
    occasion = with_tier(await simulations.occasion_of(connection, programme.zone, order, moment), stood, programme)
    told = await simulations.points_of(connection, programme, occasion)
    return sum(award.points for award in told.awards if award.wallet == POINTS) if told.awards else told.points
