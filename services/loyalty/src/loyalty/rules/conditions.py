"""Conditions of rules, in the Common Expression Language: what may be written, and what one says of an occasion.

Source: https://github.com/google/cel-spec, the language definition.
"""

import re
from collections.abc import Callable, Iterable, Mapping
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
_NAME = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
_PARTS = ("event", "customer")
# One of them that no name follows, or a call: as in `event["channel"]`, `event == customer` and `event.all(name, …)`.
_WHOLE = re.compile(r"\b(event|customer)\b(?!\.[A-Za-z_][A-Za-z_0-9]*(?![A-Za-z_0-9(]))")
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
    """What conditions are evaluated over: handed to their interpreter once, with nothing that none of them asks for.

    Handing it over takes longer than most conditions.

    Args:
        variables: returns those of `variables_of`.
        conditions: all that are to be evaluated.
    """

    def __init__(self, variables: Callable[[], Mapping[str, Any]], conditions: Iterable[str | None]) -> None:
        self._variables = variables
        self._conditions = tuple(condition for condition in conditions if condition is not None)
        self._context: cel.Context | None = None

    def holds(self, expression: str | None) -> bool:
        """Return whether a condition holds; one that asks for what an occasion does not have, or is not a truth, does not.

        Args:
            expression: one of the conditions, checked before; none always holds.
        """
        if expression is None:
            return True
        try:
            if self._context is None:
                self._context = cel.Context(asked_for(self._variables(), self._conditions))
            return compiled(expression).execute(self._context) is True
        except (LookupError, TypeError, ValueError, ArithmeticError, RuntimeError):
            return False


def holds(expression: str | None, variables: Mapping[str, Any]) -> bool:
    """Return whether a single condition holds; see `Scene`."""
    return Scene(lambda: variables, [expression]).holds(expression)


def asked_for(variables: Mapping[str, Any], conditions: tuple[str, ...]) -> dict[str, Any]:
    """Return of variables what conditions can ask for."""
    names = _names_in(conditions)
    if names is None:
        return dict(variables)
    parts = {part: {name: value for name, value in variables[part].items() if name in names} for part in _PARTS}
    return {name: value for name, value in {**variables, **parts}.items() if name in names}


@lru_cache(maxsize=_VERSIONS_KEPT)
def _names_in(conditions: tuple[str, ...]) -> frozenset[str] | None:
    """Return every word of conditions; None where one may ask for anything, because it does not ask for a name of what happened."""
    if any(_WHOLE.search(condition) for condition in conditions):
        return None
    return frozenset(name for condition in conditions for name in _NAME.findall(condition))


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
