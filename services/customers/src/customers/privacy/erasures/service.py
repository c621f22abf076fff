"""Erasing customers: everything here at once, everything elsewhere by an event, and a proof of all of it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from asyncpg import Record

from customers.audit.service import Entry
from customers.audit.service import record as audit
from customers.links.repository import Family, family
from customers.privacy.access_exports import repository as access_exports
from customers.privacy.erasures import repository
from customers.privacy.erasures.errors import ErasureNotFound, FamilyMoving
from customers.privacy.erasures.rules import Kept, certificate_claims, faults_of_receipts
from customers.privacy.erasures.suppression import remember_somebody
from customers.privacy.followers import OWN, missing, service_of
from customers.privacy.holders import erase_everywhere
from shared.contracts.customers import CustomerErased
from shared.contracts.privacy import ErasureConfirmed
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.envelope import Received
from shared.following.receipts import (
    CERTIFICATE_TYPE,
    Receipt,
    ReceiptInvalid,
    receipt_key,
    sign_claims,
    sign_receipt,
    thumbprint,
    verify_claims,
    verify_receipt,
)
from shared.ids import new_id
from shared.messaging.handlers import PermanentError

_MAX_LOOKS = 3


class Proof(NamedTuple):
    """An erasure and the receipts that came so far."""

    erasure: Record
    receipts: list[Record]


async def erase(uow: UnitOfWork, customer_id: str, reason: str, reimport: str, actor: str) -> Proof:
    """Erase a customer with all records that stand for him, and ask the other services to do the same.

    Raises:
        CustomerNotFound: there is none, or he was erased before.
        FamilyMoving: he is being merged at this moment.
    """
    connection = uow.connection
    whole = await _locked_family(connection, customer_id)
    erasure_id = new_id("era")
    erasure = await repository.insert(connection, erasure_id, whole.root_id, whole.ids, reason, reimport, actor)
    if reimport == "refuse":
        await repository.suppress(connection, whole.ids, erasure_id)
        remember_somebody()
    erased = await _erase(connection, whole.ids)
    key = await receipt_key(connection)
    await repository.pin(connection, OWN, key.kid, key.jwk)
    receipt = sign_receipt(key, Receipt(erasure_id, whole.root_id, OWN, erased, erasure["requested_at"]))
    await repository.keep_receipt(connection, erasure_id, Kept(OWN, receipt, key.kid), erased, erasure["requested_at"])
    event = CustomerErased(erasure_id=erasure_id, customer_id=whole.root_id, customer_ids=whole.ids, requested_at=erasure["requested_at"])
    uow.publish(event, sequence=1)
    await audit(connection, [Entry(actor, "customer_erased", each, erasure_id) for each in whole.ids])
    return await found(connection, erasure_id)


async def _locked_family(connection: Connection, customer_id: str) -> Family:
    whole = await family(connection, customer_id)
    for _ in range(_MAX_LOOKS):
        await repository.lock_records(connection, sorted(whole.ids))
        again = await family(connection, customer_id)
        if set(again.ids) == set(whole.ids):
            return again
        whole = again
    raise FamilyMoving


async def _erase(connection: Connection, ids: list[str]) -> dict[str, int]:
    erased = await erase_everywhere(connection, ids)
    exports = await access_exports.delete_of(connection, ids)
    return erased | ({"access_exports": exports} if exports else {})


async def found(connection: Connection, erasure_id: str) -> Proof:
    """Return an erasure and its receipts.

    Raises:
        ErasureNotFound: there is none.
    """
    erasure = await repository.get(connection, erasure_id)
    if erasure is None:
        raise ErasureNotFound
    return Proof(erasure, (await repository.receipts(connection, [erasure_id]))[erasure_id])


async def listed(connection: Connection, after: tuple[Any, ...] | None, limit: int) -> list[Proof]:
    """Return erasures, newest first, after a sort key."""
    rows = await repository.page(connection, after, limit)
    receipts = await repository.receipts(connection, [row["id"] for row in rows])
    return [Proof(row, receipts[row["id"]]) for row in rows]


async def on_erasures_confirmed(uow: UnitOfWork, events: Sequence[Received[Any]]) -> None:
    """Keep the receipts of other services; the last one completes the erasure.

    Raises:
        PermanentError: a receipt is not what it says, or not signed with the key that the service had before.
    """
    for event, _ in events:
        await _confirm(uow, event, service_of(type(event)))


async def _confirm(uow: UnitOfWork, event: ErasureConfirmed, service: str) -> None:
    connection = uow.connection
    erasure = await repository.lock(connection, event.erasure_id)
    if erasure is None:
        raise PermanentError("there is no such erasure")
    await repository.pin(connection, service, thumbprint(event.jwk), event.jwk)
    key = (await repository.pinned(connection))[service]
    if key["kid"] != thumbprint(event.jwk):
        raise PermanentError("the receipt is signed with another key than the service had before")
    receipt = _verified(event, key)
    if (receipt.erasure_id, receipt.customer_id, receipt.service) != (erasure["id"], erasure["customer_id"], service):
        raise PermanentError("the receipt is of another erasure")
    await repository.keep_receipt(connection, erasure["id"], Kept(service, event.receipt, key["kid"]), receipt.erased, receipt.erased_at)
    await _complete(connection, erasure)


def _verified(event: ErasureConfirmed, key: Record) -> Receipt:
    try:
        return verify_receipt(event.receipt, key["jwk"])
    except ReceiptInvalid as error:
        raise PermanentError("the receipt is not signed with the key that came with it") from error


async def _complete(connection: Connection, erasure: Record) -> None:
    """Certify an erasure once every service has answered."""
    receipts = _kept((await repository.receipts(connection, [erasure["id"]]))[erasure["id"]])
    if erasure["certificate"] is not None or missing({each.service for each in receipts}):
        return
    # What others told of the customer before they erased him has arrived by now: it goes, too.
    await _erase(connection, erasure["customer_ids"])
    completed_at = await repository.now(connection)
    claims = certificate_claims(erasure["id"], erasure["customer_id"], erasure["customer_ids"], completed_at, receipts)
    certificate = sign_claims(await receipt_key(connection), CERTIFICATE_TYPE, claims)
    await repository.complete(connection, erasure["id"], certificate, completed_at)


async def faults(connection: Connection, erasure_id: str) -> tuple[Proof, list[str]]:
    """Return an erasure and what is wrong with its proof, recomputed from the receipts; nothing when it holds.

    Raises:
        ErasureNotFound: there is none.
    """
    proof = await found(connection, erasure_id)
    erasure, receipts = proof.erasure, _kept(proof.receipts)
    keys = {service: key["jwk"] for service, key in (await repository.pinned(connection)).items()}
    wrong = faults_of_receipts(erasure_id, erasure["customer_id"], receipts, keys)
    wrong += [f"{service}: its receipt is missing" for service in missing({each.service for each in receipts})]
    if erasure["certificate"] is None:
        return proof, wrong
    claims = certificate_claims(erasure_id, erasure["customer_id"], erasure["customer_ids"], erasure["completed_at"], receipts)
    try:
        certified = verify_claims(erasure["certificate"], CERTIFICATE_TYPE, keys.get(OWN, {}))
    except ReceiptInvalid:
        return proof, [*wrong, "certificate: it is not signed with our key"]
    return proof, wrong if certified == claims else [*wrong, "certificate: it does not match the receipts"]


def _kept(rows: Sequence[Record]) -> list[Kept]:
    return [Kept(row["service"], row["receipt"], row["kid"]) for row in rows]
