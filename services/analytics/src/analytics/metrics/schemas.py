"""What every answer of a metric has in common."""

from datetime import date

from pydantic import Field

from analytics.metrics.rules import Definition, ParameterValue, Share, Window
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


class ShareOut(OutputModel):
    """An exact share and its percentage, rounded once, halves away from zero."""

    numerator: int = Field(description="How many.", examples=[3501])
    denominator: int = Field(description="Of how many.", examples=[23570])
    percent: float | None = Field(description="100 x numerator / denominator to two decimals; null of nothing.", examples=[14.85])


class MetricAnswer(OutputModel):
    """A figure that tells what it means, for when, and how fresh it is."""

    definition: DefinitionOut
    window: WindowOut
    zone: str = Field(description="Zone of all days and months.", examples=["UTC"])
    as_of: Moment | None = Field(description="The latest moment the history vouches for; null while it is empty.")
    computed_at: Moment = Field(description="When the figure was read or computed.")


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


def window_out(window: Window) -> WindowOut:
    """Return what is shown of a window."""
    return WindowOut.model_validate({"from": window.since, "to": window.until})


def share_out(share: Share) -> ShareOut:
    """Return what is shown of a share."""
    return ShareOut(numerator=share.numerator, denominator=share.denominator, percent=share.percent)
