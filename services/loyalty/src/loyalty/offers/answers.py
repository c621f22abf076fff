"""How an offer is told to its member: in his list, and on the home screen."""

from typing import Any

from loyalty.offers import service
from loyalty.offers.schemas import Offer
from loyalty.offers.texts import reason_texts
from loyalty.texts import in_language


def offer_of(row: Any, language: str | None) -> Offer:
    """Return an offer as members see it."""
    shown = {
        "name": in_language(row["name"], language),
        "text": in_language(reason_texts(row["reason"]), language),
        "state": service.standing(row),
        # The batch is the shop's own matter.
        "benefit": {name: value for name, value in row["benefit"].items() if name != "voucher_batch_id"},
    }
    return Offer.model_validate({**row, **shown})
