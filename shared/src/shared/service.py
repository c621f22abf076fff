"""What makes a service: its name, settings, routes, handlers and migrations."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from fastapi import APIRouter

from shared.database.pool import Database
from shared.database.unit_of_work import UnitOfWork
from shared.messaging.handlers import HandlerTable
from shared.settings import ServiceSettings

# Run once before the service is ready, such as making sure that the first key exists.
StartHook = Callable[[Database, ServiceSettings], Awaitable[None]]
# Empties what the handlers fill, so that `rebuild` can fill it again.
ResetProjection = Callable[[UnitOfWork], Awaitable[None]]
# Does one kind of long work (a `shared.http.jobs.Job`) and returns its result; goes on from `job.done` after a crash.
JobFunction = Callable[[Any], Awaitable[Mapping[str, Any]]]
# Does a part of what is due at a moment and returns whether more is; see `shared.messaging.passes`.
PassFunction = Callable[[UnitOfWork, datetime], Awaitable[bool]]


@dataclass(frozen=True)
class Service:
    """The composition of one service; `shared.cli` runs it and `shared.http.app` serves it.

    Attributes:
        name: schema, role, consumer group and settings prefix.
        title: one line for the OpenAPI document.
        settings: class of its settings.
        routers: its slices' routes.
        handlers: every event it listens to.
        migrations: folder of its Alembic scripts.
        reset_projection: empties its projections of others' events, or None where it keeps none.
        on_start: run once before it is ready.
        jobs: its long work, by kind.
        passes: what its workers look for now and then because it comes due with the time, by name.
    """

    name: str
    title: str
    settings: type[ServiceSettings]
    routers: Sequence[APIRouter]
    handlers: HandlerTable
    migrations: Path
    reset_projection: ResetProjection | None = None
    on_start: Sequence[StartHook] = field(default_factory=tuple)
    jobs: Mapping[str, JobFunction] = field(default_factory=dict)
    passes: Mapping[str, PassFunction] = field(default_factory=dict)

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics that its handlers need, sorted."""
        return tuple(sorted({event.topic for event in self.handlers}))
