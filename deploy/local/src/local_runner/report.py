"""What is printed when the suite is up: where everything is, the key, and a first call."""

from rich.console import Console
from rich.table import Table

from local_runner.credentials import Credentials
from local_runner.environment import admin_url, bootstrap_servers
from local_runner.service_process import is_ready
from local_runner.settings import Settings
from local_runner.state import State


def print_addresses(console: Console, settings: Settings, credentials: Credentials) -> None:
    """Print the table of addresses, the key and a line for the shell that works as it is."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for heading in ("Service", "Address", "Documentation"):
        table.add_column(heading, no_wrap=True)
    for service in settings.services:
        url = settings.service_url(service)
        table.add_row(service, url, f"{url}/docs")
    console.print()
    console.print(table)
    console.print()
    _print_pairs(
        console,
        {
            "Server key": credentials.server_key,
            "Postgres": admin_url(settings, credentials),
            "Broker": bootstrap_servers(settings),
            "Logs": str(settings.logs),
        },
    )
    console.print("\nTry it:", style="bold")
    url = f"{settings.service_url(settings.services[0])}/v1/{settings.services[0]}?limit=1"
    _print_line(console, f"  curl -s '{url}' -H 'Authorization: Bearer {credentials.server_key}'")
    console.print()


def print_status(console: Console, settings: Settings, state: State) -> bool:
    """Print how each part of the suite is; return whether all are well."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for heading in ("Part", "State", "Address", "Process", "Restarts"):
        table.add_column(heading, no_wrap=True)
    well = state.phase == "ready"
    for name, port in settings.ports().items():
        if name == "broker controller":
            continue
        child = state.children.get(name)
        alive = child is not None and child.is_alive()
        ready = alive and (name not in settings.services or is_ready(settings.service_url(name)))
        well = well and ready
        word = "[green]ready" if ready else ("[yellow]not ready" if alive else "[red]down")
        process_id = str(child.process_id) if child and alive else "-"
        table.add_row(name, word, f"127.0.0.1:{port}", process_id, str(state.restarts.get(name, 0)))
    console.print(f"The suite at {settings.home} is {state.phase}.", highlight=False)
    console.print(table)
    return well


def _print_pairs(console: Console, pairs: dict[str, str]) -> None:
    width = max(map(len, pairs))
    for name, value in pairs.items():
        _print_line(console, f"{name:<{width}}  {value}")


def _print_line(console: Console, line: str) -> None:
    # Never wrapped, so that it can be copied.
    console.print(line, soft_wrap=True, highlight=False, markup=False)
