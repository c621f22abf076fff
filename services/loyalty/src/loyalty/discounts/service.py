"""What members get off by what they have bought."""

from datetime import datetime, timedelta

from loyalty.discounts import repository
from loyalty.discounts.errors import NoDiscountScale
from loyalty.discounts.rules import Discount, Step, discount_of
from loyalty.discounts.schemas import MemberDiscount
from loyalty.members import service as members
from loyalty.programmes.service import require
from shared.database.pool import Connection


async def member_discount(connection: Connection, customer_id: str, moment: datetime, programme_id: str | None = None) -> MemberDiscount:
    """Return a member's discount at an instant, by the scale of today; of the default programme when none is named.

    Raises:
        ProgrammeNotFound: there is no such programme.
        MemberNotFound: there is no such member.
        NoDiscountScale: the programme has no such discount.
    """
    await members.require(connection, customer_id)
    standing = await standing_of(connection, customer_id, moment, await require(connection, programme_id))
    if standing is None:
        raise NoDiscountScale
    after, bought, found = standing
    return MemberDiscount(
        customer_id=customer_id,
        as_of=moment,
        window_from=after,
        bought_minor=bought,
        percent_bp=found.percent_bp,
        next_percent_bp=found.next_percent_bp,
        missing_minor=found.missing_minor,
    )


async def standing_of(
    connection: Connection, customer_id: str, moment: datetime, programme_id: str
) -> tuple[datetime, int, Discount] | None:
    """Return since when purchases count, for how much a member bought since, and what that gives him; None without such a discount."""
    scale = await repository.scale(connection, programme_id)
    if scale is None:
        return None
    after = moment - timedelta(days=scale["window_days"])
    bought = await repository.bought(connection, customer_id, after, moment)
    return after, bought, discount_of([Step(step["from_minor"], step["percent_bp"]) for step in scale["steps"]], bought)
