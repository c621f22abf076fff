"""What a figure means, told with it wherever it is read, so that figures of two services can be compared."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

_HASH_DIGITS = 16

ParameterValue = str | int | None


@dataclass(frozen=True, slots=True)
class Definition:
    """What a metric means, so that a figure can be understood and compared wherever it is quoted.

    Attributes:
        name: slug of the metric.
        title: for people.
        text: what is counted, in words.
        formula: the same as a formula.
        parameters: values with which it was computed; the defaults in the catalogue.
        version: rises when the meaning changes.
        source: where the definition comes from.
    """

    name: str
    title: str
    text: str
    formula: str
    version: int
    source: str
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)

    @property
    def hash(self) -> str:
        """The first 16 hexadecimal digits of a SHA-256 over all attributes: equal hashes mean comparable figures."""
        content = [self.name, self.text, self.formula, self.version, self.source, sorted(self.parameters.items())]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:_HASH_DIGITS]

    def of(self, **parameters: ParameterValue) -> "Definition":
        """Return the definition with the values that were asked for."""
        return replace(self, parameters={**self.parameters, **parameters})
