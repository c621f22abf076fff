"""Who may call which route."""

from datetime import datetime
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from shared.http import Caller, requires, state_of
from shared.http.callers import Requirement
from shared.http.errors import MissingScope

ReadsFeedback = Annotated[Caller, requires("feedback:read")]
WritesFeedback = Annotated[Caller, requires("feedback:write")]


class _ScopeAlone(Requirement):
    """Admits members too: whom they speak of stands in the body, so the use case compares it."""

    def check(self, caller: Caller, request: Request) -> None:  # noqa: ARG002 (the chassis' signature)
        """Refuse a caller who lacks the scope.

        Raises:
            MissingScope: the caller lacks the scope.
        """
        if self.scope not in caller.scopes:
            raise MissingScope(scope=self.scope)


Answers = Annotated[Caller, Depends(_ScopeAlone("feedback:write", own=None))]


async def _now(request: Request) -> datetime:
    return state_of(request).clock.now()


Now = Annotated[datetime, Depends(_now)]
