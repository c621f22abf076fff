"""The composition of the feedback service."""

from pathlib import Path

from feedback.customers.service import reset_projection
from feedback.handlers import HANDLERS
from feedback.metrics.router import router as metrics
from feedback.responses.router import router as responses
from feedback.settings import FeedbackSettings
from shared.service import Service

SERVICE = Service(
    name="feedback",
    title="What they say: responses and the net promoter score.",
    settings=FeedbackSettings,
    routers=(responses, metrics),
    handlers=HANDLERS,
    migrations=Path(__file__).parent / "migrations",
    reset_projection=reset_projection,
)
