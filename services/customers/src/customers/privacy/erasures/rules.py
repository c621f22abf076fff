"""When an erasure is complete, and what its certificate says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from shared.following.receipts import ReceiptInvalid, chain, verify_receipt


@dataclass(frozen=True, slots=True)
class Kept:
    """A receipt as it is kept.

    Attributes:
        service: who signed it.
        receipt: compact JWS.
        kid: thumbprint of the key that it was verified with when it came.
    """

    service: str
    receipt: str
    kid: str


def certificate_claims(
    erasure_id: str, customer_id: str, customer_ids: Sequence[str], completed_at: datetime, receipts: Sequence[Kept]
) -> dict[str, Any]:
    """Return what the certificate of a complete erasure declares: the chain over all receipts, and what is in it."""
    return {
        "erasure_id": erasure_id,
        "customer_id": customer_id,
        "customer_ids": sorted(customer_ids),
        "completed_at": completed_at.astimezone(UTC).isoformat(),
        "receipts": [
            {"service": each.service, "kid": each.kid, "sha256": sha256(each.receipt.encode()).hexdigest()}
            for each in sorted(receipts, key=lambda each: each.service)
        ],
        "chain": chain((each.service, each.receipt) for each in receipts),
    }


def faults_of_receipts(erasure_id: str, customer_id: str, receipts: Sequence[Kept], pinned: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return what is wrong with receipts, as `service: sentence`; nothing when all hold.

    Args:
        erasure_id: the erasure that they must answer.
        customer_id: and its customer.
        receipts: as they are kept.
        pinned: the public key of each service, as it was seen first.
    """
    faults = []
    for each in receipts:
        key = pinned.get(each.service)
        if key is None:
            faults.append(f"{each.service}: its key is not known")
            continue
        try:
            receipt = verify_receipt(each.receipt, key)
        except ReceiptInvalid:
            faults.append(f"{each.service}: the receipt is not signed with its key")
            continue
        if (receipt.erasure_id, receipt.customer_id, receipt.service) != (erasure_id, customer_id, each.service):
            faults.append(f"{each.service}: the receipt is of another erasure")
    return faults
