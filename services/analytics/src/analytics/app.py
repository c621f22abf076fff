"""The composition of the analytics service."""

from pathlib import Path

from analytics.handlers import HANDLERS
from analytics.history.router import router as history
from analytics.history.service import reset_projection
from analytics.metrics.router import router as metrics
from analytics.points.router import router as points
from analytics.repeat_rate.router import router as repeat_rate
from analytics.retention.router import router as retention
from analytics.rfm.router import router as rfm
from analytics.sales.router import router as sales
from analytics.satisfaction.router import router as satisfaction
from analytics.settings import AnalyticsSettings
from shared.service import Service

SERVICE = Service(
    name="analytics",
    title="Regulars analytics",
    settings=AnalyticsSettings,
    routers=(history, metrics, retention, repeat_rate, rfm, sales, satisfaction, points),
    handlers=HANDLERS,
    migrations=Path(__file__).parent / "migrations",
    reset_projection=reset_projection,
)
