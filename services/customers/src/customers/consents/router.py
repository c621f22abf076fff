"""Routes of consents, purposes and decisions."""

from customers.consents import service
from customers.consents.dependencies import ReadsConsents, ReadsOwnConsents, WritesConsents, WritesOwnConsents
from customers.consents.errors import (
    ConfirmationInvalid,
    ConfirmationSuperseded,
    DecisionNotFound,
    ObservedInFuture,
    PurposeNotFound,
    TextFixed,
    TextVersionUnknown,
)
from customers.consents.purposes import service as purposes
from customers.consents.schemas import (
    ChannelInPath,
    Confirmation,
    Consent,
    ConsentDraft,
    ConsentQuestion,
    Consents,
    Decision,
    DecisionBatch,
    DecisionIdInPath,
    Purpose,
    PurposeDraft,
    PurposeInPath,
    Purposes,
    RecordedConsent,
)
from customers.consents.shown import batch_of, consents_of, recorded
from customers.dependencies import Now, Signing
from customers.fields import CustomerIdInPath
from customers.profiles.errors import CustomerNotFound
from shared.http import APIRouter, Reads, Uow, problems
from shared.http.batches import BatchRequest

router = APIRouter(prefix="/v1", tags=["consents"])


@router.put(
    "/customers/{customer_id}/consents/{purpose}/{channel}",
    operation_id="consents_put",
    responses=problems(CustomerNotFound, ObservedInFuture),
)
async def put_consent(
    customer_id: CustomerIdInPath,
    purpose: PurposeInPath,
    channel: ChannelInPath,
    draft: ConsentDraft,
    uow: Uow,
    now: Now,
    key: Signing,
    caller: WritesOwnConsents,
) -> RecordedConsent:
    """Record what a customer answered, with its proof; a withdrawal counts at once, a double opt-in once it is confirmed."""
    wish = service.Wish(purpose, channel, draft.granted, draft.source, draft.text_version, draft.observed_at)
    return recorded(*await service.answer(uow, key, customer_id, wish, actor=caller.principal, now=now.now()))


@router.get("/customers/{customer_id}/consents", operation_id="consents_list", responses=problems(CustomerNotFound))
async def list_consents(customer_id: CustomerIdInPath, connection: Reads, _: ReadsOwnConsents) -> Consents:
    """Return what a customer answered: what counts at present, and every answer with its proof."""
    return await consents_of(connection, customer_id)


@router.post("/consents/confirm", operation_id="consents_confirm", responses=problems(ConfirmationInvalid, ConfirmationSuperseded))
async def confirm(confirmation: Confirmation, uow: Uow, now: Now) -> Consent:
    """Confirm an answer, as the second step of a double opt-in; open to whoever has the token."""
    return Consent.of(await service.confirm(uow, confirmation.token, now.now()))


@router.post("/consents/check", operation_id="consents_check", responses=problems(CustomerNotFound))
async def check(question: ConsentQuestion, uow: Uow, now: Now, caller: ReadsConsents) -> Decision:
    """Decide whether a customer may be addressed for a purpose through a channel, and tell his quiet hours; kept as the proof."""
    asked = (question.customer_id, question.purpose, question.channel)
    [decision] = await service.check(uow.connection, [asked], caller.principal, now.now())
    if decision is None:
        raise CustomerNotFound
    return Decision.model_construct(**decision)


@router.post("/consents/check/batch", operation_id="consents_check_batch", response_model_exclude_none=True)
async def check_batch(request: BatchRequest[ConsentQuestion], uow: Uow, now: Now, caller: ReadsConsents) -> DecisionBatch:
    """Decide for up to 1,000 customers at once; each question has its own answer."""
    return await batch_of(uow.connection, request.items, caller.principal, now.now())


@router.get("/consents/decisions/{decision_id}", operation_id="consents_get_decision", responses=problems(DecisionNotFound))
async def get_decision(decision_id: DecisionIdInPath, connection: Reads, _: ReadsConsents) -> Decision:
    """Return a decision as it was made."""
    return Decision.model_construct(**await service.decision(connection, decision_id))


@router.get("/consent-purposes", operation_id="consent_purposes_list")
async def list_purposes(connection: Reads, _: ReadsConsents) -> Purposes:
    """Return the catalogue of purposes."""
    return Purposes(data=[Purpose.of(row) for row in await purposes.catalogue(connection)])


@router.get("/consent-purposes/{purpose}", operation_id="consent_purposes_get", responses=problems(PurposeNotFound))
async def get_purpose(purpose: PurposeInPath, connection: Reads, _: ReadsConsents) -> Purpose:
    """Return a purpose with all versions of its text."""
    return Purpose.of(await purposes.found(connection, purpose))


@router.put("/consent-purposes/{purpose}", operation_id="consent_purposes_put", responses=problems(TextFixed, TextVersionUnknown))
async def put_purpose(purpose: PurposeInPath, draft: PurposeDraft, uow: Uow, _: WritesConsents) -> Purpose:
    """Describe a purpose: its legal basis, whether it needs double opt-in, and the words that customers are shown."""
    return Purpose.of(await purposes.save(uow, purpose, draft))
