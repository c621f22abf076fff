"""What every answer of a metric has in common."""

from datetime import date
from typing import Protocol

from pydantic import Field

from shared.figures.definitions import Definition, ParameterValue
from shared.http.schemas import Moment, OutputModel


class DefinitionOut(OutputModel):
    """What a metric means, and with which parameters it was computed."""

    name: str = Field(description="Slug of the metric.", examples=["retention.calendar"])
    title: str = Field(description="For people.", examples=["Retention by calendar month"])
    text: str = Field(description="What is counted, in words.")
    formula: str = Field(description="The same as a formula.")
    parameters: dict[str, ParameterValue] = Field(description="Values used; the defaults in the catalogue.")
    version: int = Field(description="Rises when the meaning changes.", examples=[1])
    hash: str = Field(description="Equal hashes mean comparable figures.", examples=["9f86d081884c7d65"])
    source: str = Field(description="Where the definition comes from.")


class WindowOut(OutputModel):
    """The days that were counted, half open; null is without limit."""

    since: date | None = Field(alias="from", description="First day.", examples=["1997-01-01"])
    until: date | None = Field(alias="to", description="The day after the last.", examples=["1998-07-01"])


class MetricAnswer(OutputModel):
    """A figure that tells what it means, for when, and how fresh it is."""

    definition: DefinitionOut
    window: WindowOut
    zone: str = Field(description="Zone of all days and months.", examples=["UTC"])
    as_of: Moment | None = Field(description="The latest moment the history vouches for; null while it is empty.")
    computed_at: Moment = Field(description="When the figure was read or computed.")


class Days(Protocol):
    """A half-open range of days; None is open."""

    @property
    def since(self) -> date | None:
        """First day."""
        ...

    @property
    def until(self) -> date | None:
        """The day after the last."""
        ...


def definition_out(definition: Definition) -> DefinitionOut:
    """Return what is shown of a definition."""
    return DefinitionOut(
        name=definition.name,
        title=definition.title,
        text=definition.text,
        formula=definition.formula,
        parameters=dict(definition.parameters),
        version=definition.version,
        hash=definition.hash,
        source=definition.source,
    )


def window_out(days: Days) -> WindowOut:
    """Return what is shown of a window."""
    return WindowOut.model_validate({"from": days.since, "to": days.until})
