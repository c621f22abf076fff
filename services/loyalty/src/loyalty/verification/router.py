from loyalty.dependencies import ReadsLoyalty
from loyalty.verification import repository
from loyalty.verification.rules import is_sound
from loyalty.verification.schemas import LedgerProblem, LedgerProof
from shared.http import APIRouter, Reads

router = APIRouter(prefix="/v1/ledger", tags=["ledger"])


@router.get("/verify", operation_id="ledger_verify", summary="Verify the ledger")
async def verify(connection: Reads, _caller: ReadsLoyalty) -> LedgerProof:
    """Check every entry, posting, lot and order against each other, in one snapshot of the database."""
    proof = await repository.verify(connection)
    problems = [LedgerProblem.model_validate(finding) for finding in proof.findings]
    return LedgerProof(ok=is_sound(proof), checksum=proof.checksum, problems=problems, **proof.totals._asdict())
