"""Words that nobody is called by any more leave the dictionary: of people who were renamed, or who were erased at the same moment."""

from datetime import datetime

from customers.search import repository
from shared.database.unit_of_work import UnitOfWork

# A look at one page of some hundred words takes milliseconds.
_LOOK_SECONDS = 5


async def tidy_name_words(uow: UnitOfWork, now: datetime) -> bool:
    """Look through one page of the dictionary; which one the clock tells, so that nobody must remember the place."""
    pages = await repository.pages(uow.connection)
    await repository.tidy(uow.connection, int(now.timestamp()) // _LOOK_SECONDS % pages)
    return False
