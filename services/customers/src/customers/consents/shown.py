"""Puts together what the interface shows of consents."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from customers.consents import repository, service
from customers.consents.repository import Answer
from customers.consents.schemas import (
    QUESTION,
    Consent,
    ConsentProof,
    Consents,
    Decision,
    DecisionBatch,
    DecisionResult,
    RecordedConsent,
)
from customers.profiles.errors import CustomerNotFound
from shared.database.pool import Connection
from shared.http.batches import ItemResult, read_items, refused


def recorded(answer: Answer, pending: service.Pending | None) -> RecordedConsent:
    """Return what is shown of an answer that was recorded."""
    shown = RecordedConsent(consent=Consent.of(answer))
    if pending is not None:
        shown.confirmation_token, shown.confirmation_expires_at = pending
    return shown


async def consents_of(connection: Connection, customer_id: str) -> Consents:
    """Return all that a customer answered."""
    standing, answers = await service.answers(connection, customer_id)
    proofs = await repository.history(connection, standing.ids)
    return Consents(
        customer_id=standing.root_id,
        restricted=standing.restricted,
        data=[Consent.of(answer) for answer in answers],
        history=[ConsentProof.model_construct(**row) for row in proofs],
    )


async def batch_of(connection: Connection, items: Sequence[Any], actor: str, now: datetime) -> DecisionBatch:
    """Return the answers to a batch of questions, in order."""
    read = read_items(QUESTION, items)
    good = [(item.customer_id, item.purpose, item.channel) for item in read if not isinstance(item, ItemResult)]
    decisions = iter(await service.check(connection, good, actor, now))
    results = []
    for item in read:
        if isinstance(item, ItemResult):
            results.append(DecisionResult.refused(item))
        elif (decision := next(decisions)) is None:
            results.append(DecisionResult.refused(refused(CustomerNotFound(pointer="/customer_id"))))
        else:
            results.append(DecisionResult(status=200, decision=Decision.model_construct(**decision)))
    return DecisionBatch(results=results)
