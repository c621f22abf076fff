"""The tracks that customers move on, and what moves them."""

from typing import Literal, get_args

Lifecycle = Literal["identified", "attracted", "converted", "retained", "grown"]
Journey = Literal["attention", "consideration", "decision", "purchase", "service", "advocacy"]

LIFECYCLE: tuple[str, ...] = get_args(Lifecycle)
JOURNEY: tuple[str, ...] = get_args(Journey)
