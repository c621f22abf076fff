"""Access exports as the interface shows them."""

from typing import Self

from pydantic import Field

from customers.fields import CustomerIdInBody
from customers.privacy.access_exports.rules import Status
from customers.privacy.access_exports.service import Export
from shared.http.schemas import InputModel, Moment, OutputModel

_CUSTOMER = "cus_01jd3z0k7cz9v8w6t5s4r3q2p1"


class AccessExportDraft(InputModel):
    """Whose data is wanted."""

    customer_id: CustomerIdInBody


class AccessExportPart(OutputModel):
    """How much a service has sent."""

    service: str = Field(description="Which service.", examples=["loyalty"])
    complete: bool = Field(description="Whether its part is there.", examples=[True])
    pieces: int = Field(description="Pieces that came.", examples=[1])
    of: int | None = Field(description="Pieces that it sends; null until the first came.", examples=[1])


class AccessExport(OutputModel):
    """An access export and how far it has come."""

    id: str = Field(description="`axp_…`.", examples=["axp_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    customer_id: str = Field(description="The customer.", examples=[_CUSTOMER])
    customer_ids: list[str] = Field(description="Every record that stands for him.", examples=[[_CUSTOMER]])
    status: Status = Field(description="complete once every service has answered, expired once it is deleted.", examples=["complete"])
    parts: list[AccessExportPart] = Field(description="How much each service has sent.")
    missing: list[str] = Field(description="Services that have not answered in full.", examples=[[]])
    requested_at: Moment = Field(description="UTC.")
    expires_at: Moment = Field(description="When the archive is deleted, UTC.")

    @classmethod
    def of(cls, export: Export) -> Self:
        """Return what is shown of an access export."""
        row = export.row
        shown = {name: row[name] for name in ("id", "customer_id", "customer_ids", "requested_at", "expires_at")}
        parts = [AccessExportPart(service=part.service, complete=part.is_complete, pieces=part.pieces, of=part.of) for part in export.parts]
        missing = [part.service for part in parts if not part.complete]
        return cls.model_construct(**shown, status=export.status, parts=parts, missing=missing)
