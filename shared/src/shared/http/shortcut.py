"""Calls dependencies that take nothing but the request directly: the chassis' own, and those of services that are as plain.

FastAPI solves a dependency in 15 to 25 microseconds, for it could have parameters of its own. These have none, so they are
called just before the endpoint: after everything else is validated, which also saves invalid requests a connection.
"""

import inspect
from collections.abc import Awaitable, Callable, Collection, Iterator
from dataclasses import replace
from typing import Any

from fastapi.dependencies.models import Dependant
from starlette.requests import Request

from shared.http import callers, unit
from shared.http.callers import Requirement

_REQUEST = "request_of_the_shortcut"
_OURS = (unit.enter_unit_of_work, unit.enter_single_write, unit.lend_connection, callers.present_caller)

Provider = Callable[[Request], Awaitable[Any]]


def without_ours(dependant: Dependant) -> Dependant:
    """Return what FastAPI is to solve of an endpoint: all but its plain direct dependencies, which its call now adds.

    Args:
        dependant: FastAPI's description of the endpoint; left as it is, for it also describes the operation.
    """
    endpoint = dependant.call
    if not inspect.iscoroutinefunction(endpoint):
        return dependant
    # What others need too is solved once for all, as a body that can be read but once.
    shared = {below.call for inner in dependant.dependencies for below in _below(inner)}
    ours = [inner for inner in dependant.dependencies if inner.name is not None and _is_ours(inner, shared)]
    if not ours:
        return dependant
    providers = tuple((inner.name, inner.call) for inner in ours)
    request_name = dependant.request_param_name or _REQUEST
    return replace(
        dependant,
        dependencies=[inner for inner in dependant.dependencies if inner not in ours],
        request_param_name=request_name,
        call=_calling(endpoint, providers, request_name),
    )


def _calling(endpoint: Callable[..., Awaitable[Any]], providers: tuple[tuple[Any, Any], ...], request_name: str) -> Callable[..., Any]:
    async def call(**values: Any) -> Any:
        request = values.pop(_REQUEST) if request_name == _REQUEST else values[request_name]
        for name, provide in providers:
            values[name] = await provide(request)
        return await endpoint(**values)

    return call


def _below(dependant: Dependant) -> Iterator[Dependant]:
    for inner in dependant.dependencies:
        yield inner
        yield from _below(inner)


def _is_ours(dependant: Dependant, shared: Collection[Any]) -> bool:
    if dependant.call in _OURS or type(dependant.call) is Requirement:
        return True
    return dependant.call not in shared and _takes_the_request_only(dependant)


def _takes_the_request_only(dependant: Dependant) -> bool:
    if not inspect.iscoroutinefunction(dependant.call):
        return False
    return [parameter.annotation for parameter in inspect.signature(dependant.call).parameters.values()] == [Request]
