"""The composition of the loyalty service."""

from pathlib import Path

from loyalty.handlers import HANDLERS
from loyalty.ledger.router import router as entries
from loyalty.members.router import router as members
from loyalty.programmes.router import router as programmes
from loyalty.settings import LoyaltySettings
from loyalty.verification.router import router as verification
from shared.service import Service

SERVICE = Service(
    name="loyalty",
    title="Regulars loyalty: members and their points",
    settings=LoyaltySettings,
    routers=(members, entries, programmes, verification),
    handlers=HANDLERS,
    migrations=Path(__file__).parent / "migrations",
    # The ledger is a source of events, not a projection: see the service's README on `rebuild`.
    reset_projection=None,
)
