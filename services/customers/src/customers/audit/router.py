"""Routes of the audit log."""

from datetime import datetime
from typing import Annotated

from fastapi import Query

from customers.audit import repository, service
from customers.audit.reads import Readings
from customers.audit.schemas import AuditEntry, VerificationAnswer, VerificationRequest, head_of
from shared.http import APIRouter, Caller, Reads, Uow, requires
from shared.http.pagination import Page, PageQuery

router = APIRouter(prefix="/v1/audit", tags=["audit"])

ReadsAudit = Annotated[Caller, requires("audit:read")]
_Text = Annotated[str | None, Query(min_length=1, max_length=200)]


@router.get("", operation_id="audit_list")
async def list_entries(
    page: PageQuery,
    readings: Readings,
    connection: Reads,
    _: ReadsAudit,
    customer_id: _Text = None,
    actor: _Text = None,
    action: _Text = None,
) -> Page[AuditEntry]:
    """List who read and who changed what, newest first."""
    await readings.flush_with(connection)
    given = {"customer_id": customer_id, "actor": actor, "action": action}
    filters = {name: value for name, value in given.items() if value is not None}
    after = page.key(datetime, int)
    rows = await repository.page(connection, filters, after[1] if after else None, page.fetch)
    return page.page(rows, key=lambda row: (row["recorded_at"], row["id"]), item=AuditEntry.of)


@router.post("/verify", operation_id="audit_verify")
async def verify(readings: Readings, uow: Uow, _: ReadsAudit, request: VerificationRequest | None = None) -> VerificationAnswer:
    """Recompute the chain of hashes over the log, from its beginning without a body, and name the first entry that is not as written."""
    await readings.flush_with(uow.connection)
    return VerificationAnswer.of(await service.verify(uow.connection, head_of(request)))
