"""The composition of the analytics service."""

from pathlib import Path

import analytics.history.models
import analytics.points.models
import analytics.purchases.models
import analytics.satisfaction.models  # noqa: F401 - the models describe their tables when they are imported
from analytics.handlers import HANDLERS
from analytics.history.service import reset_projection
from analytics.metadata import METADATA
from analytics.settings import AnalyticsSettings
from shared.service import Service

SERVICE = Service(
    name="analytics",
    title="What it means: history, retention, recency-frequency-money and repeat purchases.",
    settings=AnalyticsSettings,
    routers=(),
    handlers=HANDLERS,
    metadata=METADATA,
    migrations=Path(__file__).parent / "migrations",
    reset_projection=reset_projection,
)
