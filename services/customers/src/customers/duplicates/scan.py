"""The job that goes through all customers and keeps the pairs that it finds; a killed one goes on where it stopped."""

from collections.abc import Mapping
from typing import Any

from customers.duplicates import repository
from customers.duplicates.matching import found_pairs
from shared.http.jobs import Job

KIND = "duplicates_scan"
# Few enough that a transaction lasts for less than a second.
CHUNK = 200


async def run(job: Job) -> Mapping[str, Any]:
    """Compare every customer with those who were made before him."""
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
            await repository.drop_others(uow.connection, [person.id for person in scanned], found)
            changed += await repository.store(uow.connection, found) if found else 0
        after, done = scanned[-1].id, done + len(scanned)
        await job.progress(done, max(total, done))
