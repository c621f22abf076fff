"""What a rebuild empties, to fill it again from the topics."""

from customers.stages import repository as stages
from customers.timeline import hearing as timeline
from shared.database.unit_of_work import UnitOfWork

CONSUMER = "customers"


async def reset_projection(uow: UnitOfWork) -> None:
    """Forget what other services told of customers; their events tell it again.

    Stages are no projection: people move customers too, and rules change. They stay, and what moved customers once is remembered, so
    that it does not move them again.
    """
    await stages.remember_heard(uow.connection, CONSUMER)
    await timeline.forget(uow.connection)
