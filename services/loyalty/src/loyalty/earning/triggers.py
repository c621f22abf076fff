"""What members may earn for besides their orders: registrations, answers, interactions, birthdays, anniversaries of their enrolment."""

from collections.abc import Sequence
from datetime import datetime

from loyalty.earning import repository
from loyalty.earning.rules import anniversary, birthday, interaction, registration, response
from loyalty.earning.service import earn
from loyalty.ledger.rules import check_id, check_moment
from loyalty.programmes.service import running
from loyalty.rules.rules import Occasion
from loyalty.tiers import booking as tiers
from shared.contracts.customers import CustomerBirthday, CustomerRegistered, CustomerUpdated, InteractionRecorded, StageChanged
from shared.contracts.feedback import ResponseRecorded
from shared.database.unit_of_work import UnitOfWork

_ANNIVERSARY = "anniversary"


async def registered(uow: UnitOfWork, events: Sequence[CustomerRegistered]) -> None:
    """Keep what was told of new customers, and give what rules give for registering."""
    told = [(e.customer_id, {"kind": e.kind, "country": e.country, "language": e.language}, e.registered_at) for e in events]
    await repository.keep_traits(uow.connection, told)
    await earn(uow, [registration(event) for event in events])


async def updated(uow: UnitOfWork, events: Sequence[CustomerUpdated]) -> None:
    """Keep what was told of changed customers; the last told counts, in whichever order it comes."""
    for event in events:
        check_moment("updated_at", event.updated_at)
    told = [(e.customer_id, {"kind": e.kind, "country": e.country, "language": e.language}, e.updated_at) for e in events]
    await repository.keep_traits(uow.connection, told)


async def staged(uow: UnitOfWork, events: Sequence[StageChanged]) -> None:
    """Keep on which stages customers are; on each track the last one counts, in whichever order they are told."""
    for event in events:
        check_moment("changed_at", event.changed_at)
    await repository.keep_stages(uow.connection, [(e.customer_id, e.track, e.stage, e.changed_at) for e in events])


async def responded(uow: UnitOfWork, events: Sequence[ResponseRecorded]) -> None:
    """Give what rules give for an answer; the answer of somebody unknown earns nothing."""
    await _earn(uow, [occasion for event in events if (occasion := response(event)) is not None])


async def interacted(uow: UnitOfWork, events: Sequence[InteractionRecorded]) -> None:
    """Give what rules give for a visit, a call or another interaction."""
    await _earn(uow, [interaction(event) for event in events])


async def congratulated(uow: UnitOfWork, events: Sequence[CustomerBirthday]) -> None:
    """Give what rules give for birthdays."""
    await _earn(uow, [birthday(event) for event in events])


async def celebrate(uow: UnitOfWork, now: datetime, many: int) -> int:
    """Give what rules give for anniversaries of enrolment that have come, each once; return how many were looked at."""
    looked_at = 0
    for programme in await running(uow.connection, [now]):
        if programme.has(_ANNIVERSARY) and await repository.is_time_to_celebrate(uow.connection, programme.id, now):
            due = await repository.anniversaries(uow.connection, programme.id, now, many)
            occasions = [anniversary(*told) for told in due]
            await earn(uow, occasions, programme.id)
            await tiers.refresh(uow, [occasion.customer_id for occasion in occasions])
            if len(due) < many:
                await repository.note_celebrated(uow.connection, programme.id, now)
            looked_at = max(looked_at, len(due))
    return looked_at


async def _earn(uow: UnitOfWork, occasions: Sequence[Occasion]) -> None:
    for occasion in occasions:
        check_id("source_id", occasion.source_id)
        check_id("customer_id", occasion.customer_id)
        check_moment("occurred_at", occasion.occurred_at)
    await earn(uow, occasions)
