"""Conditions of rules, in the Common Expression Language: what may be written, and what one says of an occasion.

Source: https://github.com/google/cel-spec, the language definition.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import cel

from loyalty.rules.errors import ConditionInvalid

# An expression of this size is evaluated in a fraction of a millisecond, unless it goes over lists in lists.
MAX_CHARACTERS = 1_000
MAX_DEPTH = 16
MAX_MACROS = 3
_LITERALS = re.compile(r"""r?("(\\.|[^"\\])*"|'(\\.|[^'\\])*')""")
_MACRO = re.compile(r"\.(all|exists|exists_one|map|filter)$")
_OPENING, _CLOSING = "([{", ")]}"
_VERSIONS_KEPT = 4_096


def check(expression: str) -> None:
    """Refuse a condition that is none, or that could take long: too large, too deep, or a loop within a loop.

    Raises:
        ConditionInvalid: it is refused; its extra `reason` tells why.
    """
    if len(expression) > MAX_CHARACTERS:
        raise ConditionInvalid(reason="too_long", limit=MAX_CHARACTERS)
    _check_cost(_LITERALS.sub("''", expression))
    try:
        compiled(expression)
    except Exception as error:
        raise ConditionInvalid(reason="syntax") from error


def variables_of(event: Mapping[str, Any], traits: Mapping[str, Any], tier: str | None = None) -> dict[str, Any]:
    """Return what conditions are evaluated over; of a customer of whose segments nothing is known `customer.segments` is empty.

    Args:
        event: what happened.
        traits: what is known of the customer; his segments among them.
        tier: the code of his tier.
    """
    customer = {"segments": [], **traits}
    return {"event": event, "customer": customer, "tier": tier, "segments": customer["segments"]}


class Scene:
    """What conditions are evaluated over: handed to their interpreter once, and only if one asks, which takes longer than most conditions.

    Args:
        variables: returns those of `variables_of`.
    """

    def __init__(self, variables: Callable[[], Mapping[str, Any]]) -> None:
        self._variables = variables
        self._context: cel.Context | None = None

    def holds(self, expression: str | None) -> bool:
        """Return whether a condition holds; one that asks for what an occasion does not have, or is not a truth, does not.

        Args:
            expression: checked before; none always holds.
        """
        if expression is None:
            return True
        try:
            if self._context is None:
                self._context = cel.Context(dict(self._variables()))
            return compiled(expression).execute(self._context) is True
        except (LookupError, TypeError, ValueError, ArithmeticError, RuntimeError):
            return False


def holds(expression: str | None, variables: Mapping[str, Any]) -> bool:
    """Return whether a single condition holds; see `Scene`."""
    return Scene(lambda: variables).holds(expression)


@lru_cache(maxsize=_VERSIONS_KEPT)
def compiled(expression: str) -> cel.Program:
    """Return the program of an expression, compiled once a process."""
    return cel.compile(expression)


def _check_cost(expression: str) -> None:
    # Loops that do not stand in each other cost the sum of their lists, so only nesting has to be refused.
    open_brackets: list[bool] = []
    macros = 0
    for place, character in enumerate(expression):
        if character in _OPENING:
            is_macro = character == "(" and _MACRO.search(expression[:place].rstrip()) is not None
            macros += is_macro
            if is_macro and any(open_brackets):
                raise ConditionInvalid(reason="nested_loop")
            open_brackets.append(is_macro)
        elif character in _CLOSING and open_brackets:
            open_brackets.pop()
        if len(open_brackets) > MAX_DEPTH:
            raise ConditionInvalid(reason="too_deep", limit=MAX_DEPTH)
    if macros > MAX_MACROS:
        raise ConditionInvalid(reason="too_many_loops", limit=MAX_MACROS)
