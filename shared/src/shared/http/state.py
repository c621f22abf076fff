"""What a running service holds: made once by `create_app`, reached through `state_of(request)`."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from starlette.requests import HTTPConnection

from shared.clock import Clock
from shared.database.pool import Database
from shared.errors import Unavailable
from shared.service import Service
from shared.settings import ServiceSettings

if TYPE_CHECKING:
    from shared.http.key_ring import KeyRing
    from shared.http.rate_limit import RateLimiter
    from shared.http.tokens import TokenVerifier


@dataclass(slots=True)
class AppState:
    """Everything that requests share.

    Attributes:
        service: whose routes these are.
        settings: read from the environment by the entry point.
        clock: tells the time to use cases.
        key_ring: verifies server keys.
        tokens: verifies members' and staff's tokens.
        limiter: counts what each caller does.
        after_commit: wakes the relay; called after a commit that caused events.
        database: where connections come from; None until the service has started.
        alive: asked by `/livez`; a watchdog of the process replaces it.
        ready: whether start-up is finished.
        draining: whether the process is about to stop.
        tasks: what runs beside the requests, cancelled at the end.
    """

    service: Service
    settings: ServiceSettings
    clock: Clock
    key_ring: "KeyRing"
    tokens: "TokenVerifier"
    limiter: "RateLimiter"
    after_commit: Callable[[], None] | None = None
    database: Database | None = None
    alive: Callable[[], bool] = field(default=lambda: True)
    ready: bool = False
    draining: bool = False
    tasks: "set[asyncio.Task[None]]" = field(default_factory=set)

    def opened(self) -> Database:
        """Return the database.

        Raises:
            Unavailable: the service has not started.
        """
        if self.database is None:
            raise Unavailable
        return self.database


def state_of(connection: HTTPConnection) -> AppState:
    """Return the state of the service that answers this request."""
    return connection.scope["app"].state.regulars
