"""The command line that every service has: `python -m <service> api | worker | all | migrate | replay | rebuild | openapi | settings`."""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import uvloop

from shared.service import Service
from shared.settings import ServiceSettings


def main(service: Service, arguments: Sequence[str] | None = None) -> None:
    """Run one command of a service and exit.

    Args:
        service: whose commands they are.
        arguments: the words after the service's name; those of the process when None.
    """
    options = _parser(service).parse_args(arguments)
    command: Callable[[Service, argparse.Namespace], int] = options.command
    sys.exit(command(service, options))


def _parser(service: Service) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m {service.name}", description=service.title)
    commands = parser.add_subparsers(required=True)
    for name, text in (("api", "Serve HTTP."), ("worker", "Send and apply events."), ("all", "Serve HTTP, send and apply events.")):
        commands.add_parser(name, help=text).set_defaults(command=_serve, parts=name)
    commands.add_parser("migrate", help="Bring the schema up to date.").set_defaults(command=_migrate)
    replay = commands.add_parser("replay", help="Send events of the log again; consumers refuse what they have.")
    which = replay.add_mutually_exclusive_group(required=True)
    which.add_argument("--all", action="store_true", help="The whole log.")
    which.add_argument("--since", type=datetime.fromisoformat, help="What was recorded since a moment (RFC 3339).")
    which.add_argument("--missing", action="store_true", help="The whole log if the broker has lost it, else nothing.")
    replay.set_defaults(command=_replay)
    rebuild = commands.add_parser("rebuild", help="Empty the projections of others' events and fill them again.")
    rebuild.set_defaults(command=_rebuild)
    openapi = commands.add_parser("openapi", help="Write the OpenAPI document.")
    openapi.add_argument("--check", action="store_true", help="Fail when the document in the tree is out of date.")
    openapi.set_defaults(command=_openapi)
    settings = commands.add_parser("settings", help="List the settings as a Markdown table.")
    settings.set_defaults(command=_settings)
    return parser


def _serve(service: Service, options: argparse.Namespace) -> int:
    # Imported here: the small commands should not pay for the web server.
    from shared.process import serve  # noqa: PLC0415

    return _run(serve(service, _read(service), parts=options.parts))


def _migrate(service: Service, _options: argparse.Namespace) -> int:
    from shared.database import alembic_env  # noqa: PLC0415

    alembic_env.upgrade(service.migrations, _read(service).database_url.get_secret_value())
    return 0


def _replay(service: Service, options: argparse.Namespace) -> int:
    from shared.process import replay_command  # noqa: PLC0415

    return _run(replay_command(service, _read(service), since=options.since, only_missing=options.missing))


def _rebuild(service: Service, _options: argparse.Namespace) -> int:
    from shared.process import rebuild_command  # noqa: PLC0415

    return _run(rebuild_command(service, _read(service)))


def _openapi(service: Service, options: argparse.Namespace) -> int:
    from shared.http import openapi_document  # noqa: PLC0415

    # <root>/services/<name>/src/<name>/migrations -> <root>/services/<name>/openapi.json
    path = service.migrations.parents[2] / "openapi.json"
    text = json.dumps(openapi_document(service), indent=2, ensure_ascii=False) + "\n"
    return write_or_check(path, text, check=options.check)


def _settings(service: Service, _options: argparse.Namespace) -> int:
    print(settings_table(service))  # noqa: T201
    return 0


def settings_table(service: Service) -> str:
    """Return the settings of a service as a Markdown table."""
    prefix = service.settings.model_config.get("env_prefix", "")
    lines = ["| setting | default | meaning |", "| --- | --- | --- |"]
    for name, field in service.settings.model_fields.items():
        default = "required" if field.is_required() else f"`{field.default}`"
        lines.append(f"| `{prefix}{name.upper()}` | {default} | {field.description} |")
    return "\n".join(lines)


def write_or_check(path: Path, text: str, *, check: bool) -> int:
    """Write a generated file, or with `check` compare it; return the exit status."""
    if not check:
        path.write_text(text)
        return 0
    if path.exists() and path.read_text() == text:
        return 0
    print(f"{path.name} is out of date: generate it again", file=sys.stderr)  # noqa: T201
    return 1


def _read(service: Service) -> ServiceSettings:
    return service.settings()  # pyright: ignore[reportCallIssue] - the values come from the environment


def _run(work: Coroutine[Any, Any, int]) -> int:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)
