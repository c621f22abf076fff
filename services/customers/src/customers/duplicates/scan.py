"""The job that goes through customers and keeps the pairs that it finds; a killed one goes on where it stopped."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from customers.duplicates import marks, repository, sharing, telling
from customers.duplicates.matching import found_pairs, pairs_of_changed
from customers.duplicates.repository import FoundPair, StoredPair
from customers.search import service as search
from shared.database.moments import database_now
from shared.database.unit_of_work import UnitOfWork
from shared.http.jobs import Job

KIND = "duplicates_scan"
# Few enough that a transaction lasts for less than a second.
CHUNK = 200

Scope = Literal["all", "changed"]


async def run(job: Job) -> Mapping[str, Any]:
    """Compare every customer with those who were made before him, or those who changed with all others."""
    return await (_changed if job.arguments.get("scope") == "changed" else _all)(job)


async def _all(job: Job) -> Mapping[str, Any]:
    async with job.database.acquire() as connection:
        total = await repository.count_persons(connection)
        # Customers who were merged since may have moved the place: a chunk that is done twice does no harm.
        after = await repository.id_at(connection, job.done - CHUNK)
    done, changed = max(job.done - CHUNK, 0), 0
    while True:
        async with job.unit_of_work() as uow:
            scanned = await repository.next_persons(uow.connection, after, CHUNK)
            if not scanned:
                return {"customers": done, "pairs": changed}
            await repository.sort_documents(uow.connection)
            found = await found_pairs(uow.connection, scanned)
            dropped = await repository.drop_others(uow.connection, [person.id for person in scanned], found)
            changed += await _keep(uow, found, dropped)
        after, done = scanned[-1].id, done + len(scanned)
        await job.progress(done, max(total, done))


async def _changed(job: Job) -> Mapping[str, Any]:
    async with job.database.acquire() as connection:
        total = job.done + await marks.count(connection)
    done, changed = job.done, 0
    while True:
        async with job.unit_of_work() as uow:
            taken, pairs = await compare_marked(uow)
        if not taken:
            return {"customers": done, "pairs": changed}
        done, changed = done + taken, changed + pairs
        await job.progress(done, max(total, done))


async def compare_marked(uow: UnitOfWork) -> tuple[int, int]:
    """Compare a chunk of the customers who changed with all others; return how many marks it took and how many pairs are new or changed.

    Open pairs of theirs who resemble each other still stay, with their new score; the others are forgotten. With whom they share a device,
    a card or an account is told, too.
    """
    connection = uow.connection
    taken, roots = await marks.take(connection, CHUNK)
    if not roots:
        return len(taken), 0
    persons = list((await repository.persons(connection, roots)).values())
    await search.remember_names(connection, [person.name for person in persons if person.name])
    await repository.sort_documents(connection)
    found, unlike = await pairs_of_changed(connection, persons)
    pairs = await _keep(uow, found, await repository.drop(connection, unlike))
    await sharing.compare(uow, taken)
    return len(taken), pairs


async def _keep(uow: UnitOfWork, found: Sequence[FoundPair], dropped: Sequence[StoredPair]) -> int:
    """Keep what was found and tell of it, and of the pairs that were forgotten; return how many are new or changed."""
    stored = await repository.store(uow.connection, found)
    if stored or dropped:
        now = await database_now(uow.connection)
        telling.suspected(uow, stored, now)
        telling.dropped(uow, dropped, now)
    return len(stored)
