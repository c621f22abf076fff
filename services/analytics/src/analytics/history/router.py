"""The history over HTTP: its checksum."""

from analytics.dependencies import ReadsOperations
from analytics.history.repository import HistoryRepository
from analytics.history.schemas import ChecksumAnswer, TableOut
from analytics.history.service import checksum
from shared.http import APIRouter, Reads

router = APIRouter(prefix="/v1/history", tags=["history"])


@router.get("/checksum", operation_id="history_checksum", response_model=ChecksumAnswer)
async def read_checksum(_caller: ReadsOperations, reads: Reads) -> ChecksumAnswer:
    """Return the fingerprint of all facts and roll-ups, and the number of rows of each table."""
    found = await checksum(HistoryRepository(reads))
    return ChecksumAnswer(checksum=found.sha256, tables=[TableOut.model_validate(table) for table in found.tables])
