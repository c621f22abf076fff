from loyalty.dependencies import ReadsLoyalty
from loyalty.verification import repository
from loyalty.verification.rules import first_broken, is_sound
from loyalty.verification.schemas import FirstBroken, LastSeal, LedgerProblem, LedgerProof
from shared.http import APIRouter, Reads

router = APIRouter(prefix="/v1/ledger", tags=["ledger"])


@router.get("/verify", operation_id="ledger_verify", summary="Verify the ledger")
async def verify(connection: Reads, _caller: ReadsLoyalty) -> LedgerProof:
    """Check every entry, posting, lot, order, chain and seal against each other, in one snapshot of the database."""
    proof = await repository.verify(connection)
    return LedgerProof(
        ok=is_sound(proof),
        checksum=proof.checksum,
        problems=[LedgerProblem.model_validate(finding) for finding in proof.findings],
        first_broken=FirstBroken.model_validate(broken) if (broken := first_broken(proof)) else None,
        seal=LastSeal.model_validate(last) if (last := await repository.last_seal(connection)) else None,
        **proof.totals._asdict(),
    )
