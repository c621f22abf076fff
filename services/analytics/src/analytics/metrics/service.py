"""The catalogue of metrics."""

from analytics.points import rules as points
from analytics.repeat_rate import rules as repeat_rate
from analytics.retention import rules as retention
from analytics.rfm import rules as rfm
from analytics.sales import rules as sales
from shared.figures.definitions import Definition
from shared.figures.satisfaction import NPS_DEFINITION

CATALOGUE: tuple[Definition, ...] = tuple(
    sorted(
        (
            *retention.DEFINITIONS.values(),
            repeat_rate.DEFINITION,
            rfm.DEFINITION,
            sales.DEFINITION,
            NPS_DEFINITION,
            points.DEFINITION,
        ),
        key=lambda definition: definition.name,
    )
)


def definitions_after(name: str | None, limit: int) -> list[Definition]:
    """Return definitions by name, from the first one after `name`."""
    return [definition for definition in CATALOGUE if name is None or definition.name > name][:limit]
