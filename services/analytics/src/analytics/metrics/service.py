"""The catalogue of metrics."""

from analytics.metrics.rules import Definition
from analytics.points import rules as points
from analytics.repeat_rate import rules as repeat_rate
from analytics.retention import rules as retention
from analytics.rfm import rules as rfm
from analytics.sales import rules as sales
from analytics.satisfaction import rules as satisfaction

CATALOGUE: tuple[Definition, ...] = tuple(
    sorted(
        (
            *retention.DEFINITIONS.values(),
            repeat_rate.DEFINITION,
            rfm.DEFINITION,
            sales.DEFINITION,
            satisfaction.DEFINITION,
            points.DEFINITION,
        ),
        key=lambda definition: definition.name,
    )
)


def definitions_after(name: str | None, limit: int) -> list[Definition]:
    """Return definitions by name, from the first one after `name`."""
    return [definition for definition in CATALOGUE if name is None or definition.name > name][:limit]
