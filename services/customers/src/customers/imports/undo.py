"""The job that undoes an import: record by record what it made is removed, what it changed is as before, and what others did stays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from asyncpg import IntegrityConstraintViolationError

from customers.imports import noting, repository, undo_repository
from customers.imports.undo_repository import Reference
from customers.imports.undo_rules import Reversal, reversal_of
from customers.privacy.erasures import repository as erasures
from customers.privacy.erasures.rules import Kept
from customers.privacy.followers import OWN
from customers.profiles import golden, records
from customers.profiles.records import Locked
from customers.provenance import repository as provenance
from customers.provenance.rules import OWN as OWN_FIELD
from customers.provenance.rules import Provenance
from shared.contracts.customers import CustomerErased
from shared.database.unit_of_work import UnitOfWork
from shared.errors import Conflict, Invalid
from shared.following.receipts import Receipt, receipt_key, sign_receipt
from shared.http.jobs import Job
from shared.ids import new_id

KIND = "customers_import_undo"
# Records a transaction.
BATCH = 1_000


@dataclass(slots=True)
class _Counts:
    removed: int = 0
    restored: int = 0
    kept: int = 0


async def run(job: Job) -> Mapping[str, Any]:
    """Undo an import; see `shared.service.JobFunction`."""
    import_id = job.arguments["import_id"]
    async with job.database.acquire() as connection:
        places = await undo_repository.references(connection)
    done = job.done
    while batch := await _step(job, import_id, places):
        done += batch
        # Late facts were noted of customers whom they did not change.
        await job.progress(done, max(done, job.total or 0))
    async with job.unit_of_work() as uow:
        row = await repository.lock(uow.connection, import_id)
        if row is not None and row["status"] == "undoing":
            await repository.set_status(uow.connection, import_id, "undone")
    return {"import_id": import_id} | ({name: row[name] for name in ("removed", "restored", "kept")} if row is not None else {})


async def _step(job: Job, import_id: str, places: Sequence[Reference]) -> int:
    """Undo what the import did to the next records; return how many they are."""
    async with job.unit_of_work() as uow:
        row = await repository.lock(uow.connection, import_id)
        if row is None or row["status"] != "undoing":
            return 0
        await undo_repository.go_by_indexes(uow.connection)
        ids = await undo_repository.records_after(uow.connection, import_id, row["undone_to"] or "", BATCH)
        if not ids:
            return 0
        counts = _Counts()
        undoing = _Undoing(import_id, Provenance(row["source"], job.caller, f"{import_id}:undo"), places)
        await undoing.undo(uow, ids, counts)
        to = (counts.removed, counts.restored, counts.kept)
        if not await undo_repository.advance(uow.connection, import_id, row["undone_to"], ids[-1], to):
            raise RuntimeError("the import is locked, and yet another has moved it")
    return len(ids)


@dataclass(frozen=True, slots=True)
class _Undoing:
    """One import on its way back.

    Attributes:
        import_id: the import.
        provenance: who gives values back.
        places: where customers are referred to.
    """

    import_id: str
    provenance: Provenance
    places: Sequence[Reference]

    async def undo(self, uow: UnitOfWork, ids: Sequence[str], counts: _Counts) -> None:
        """Undo what the import did to some records; whom the database does not let go, is found by halves and kept."""
        attempt = _Counts()
        try:
            async with uow.savepoint():
                await self._attempt(uow, ids, attempt)
        except (Conflict, Invalid, IntegrityConstraintViolationError):
            if len(ids) == 1:
                counts.kept += 1
                return
            for half in (ids[: len(ids) // 2], ids[len(ids) // 2 :]):
                await self.undo(uow, half, counts)
        else:
            counts.removed += attempt.removed
            counts.restored += attempt.restored
            counts.kept += attempt.kept

    async def _attempt(self, uow: UnitOfWork, ids: Sequence[str], counts: _Counts) -> None:
        # Whoever was erased since is nobody.
        locked = await records.lock_many(uow.connection, ids)
        changes = await undo_repository.changes_of(uow.connection, list(locked))
        causes = {change.cause for told in changes.values() for change in told if change.cause is not None}
        undone = await undo_repository.undone(uow.connection, causes)
        reversals = {record_id: reversal_of(changes[record_id], self.import_id, undone) for record_id in locked}
        made = [
            record_id
            for record_id, reversal in reversals.items()
            if reversal.is_made and not reversal.is_touched and locked[record_id].family_size == 1
        ]
        used = await undo_repository.used(uow.connection, made, self.places) if made else set()
        unused = [record_id for record_id in made if record_id not in used]
        await self._remove(uow, unused)
        counts.removed += len(unused)
        changed = {record_id: reversal for record_id, reversal in reversals.items() if reversal.is_told}
        await self._withdraw(uow, changed, locked)
        restored = sum(not reversal.kept for reversal in changed.values())
        counts.restored += restored
        counts.kept += len(reversals) - len(unused) - restored

    async def _remove(self, uow: UnitOfWork, ids: Sequence[str]) -> None:
        """Delete records here, and have the others forget them by one erasure of them all; who comes again is welcome."""
        if not ids:
            return
        connection = uow.connection
        await undo_repository.remove(connection, ids, self.places)
        erasure_id, actor = new_id("era"), self.provenance.actor or self.import_id
        erasure = await erasures.insert(connection, erasure_id, ids[0], ids, "other", "anew", actor)
        key = await receipt_key(connection)
        await erasures.pin(connection, OWN, key.kid, key.jwk)
        at, erased = erasure["requested_at"], {"profiles": len(ids)}
        receipt = sign_receipt(key, Receipt(erasure_id, ids[0], OWN, erased, at))
        await erasures.keep_receipt(connection, erasure_id, Kept(OWN, receipt, key.kid), erased, at)
        uow.publish(CustomerErased(erasure_id=erasure_id, customer_id=ids[0], customer_ids=list(ids), requested_at=at), sequence=1)

    async def _withdraw(self, uow: UnitOfWork, reversals: Mapping[str, Reversal], locked: Mapping[str, Locked]) -> None:
        """Take back what the import told of records: their families are what they would be without it."""
        if not reversals:
            return
        fields = {record_id: reversal.fields for record_id, reversal in reversals.items()}
        await noting.take_back(uow.connection, list(reversals), self.import_id)
        await provenance.withdraw(uow.connection, fields, self.provenance, self.import_id)
        families = {locked[record_id].root.id: locked[record_id].root for record_id in reversals}
        # A merged record has an external id of its own, which is not in the row of his root.
        for record_id, told in fields.items():
            if OWN_FIELD in told and record_id not in families:
                await records.rename(uow.connection, record_id, told[OWN_FIELD])
        await golden.refresh(uow, list(families.values()))
        merged = {locked[record_id].root.id for record_id in reversals if locked[record_id].family_size > 1}
        await golden.refresh_members(uow.connection, sorted(merged))
