"""`python -m local_runner run | up | down | status | env | reset | doctor | demo`; the Makefile has a target for each."""

import sys
from typing import Annotated

import typer
from rich.console import Console

from local_runner import lifecycle
from local_runner.credentials import read_credentials
from local_runner.doctor import print_findings
from local_runner.environment import shell_assignments
from local_runner.settings import Settings
from shared.errors import DomainError

app = typer.Typer(help="The whole suite on this machine.", add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)
console = Console()


@app.command()
def run(*, background: Annotated[bool, typer.Option("--background", hidden=True)] = False) -> None:
    """Start everything, show the logs, stop everything at Ctrl-C."""
    raise typer.Exit(lifecycle.run(Settings.read(), console, background=background))


@app.command()
def up() -> None:
    """Start everything in the background."""
    raise typer.Exit(lifecycle.up(Settings.read(), console))


@app.command()
def down() -> None:
    """Stop what `up` started."""
    raise typer.Exit(lifecycle.down(Settings.read(), console))


@app.command()
def status() -> None:
    """Tell how each part is."""
    raise typer.Exit(lifecycle.status(Settings.read(), console))


@app.command()
def env() -> None:
    """Print addresses and the key as shell assignments."""
    settings = Settings.read()
    credentials = read_credentials(settings.home)
    if credentials is None:
        typer.echo(f"There is no suite in {settings.home} yet; `make run` or `make up` makes it.", err=True)
        raise typer.Exit(1)
    typer.echo(shell_assignments(settings, credentials))


@app.command()
def reset() -> None:
    """Stop everything and delete all its data."""
    raise typer.Exit(lifecycle.reset(Settings.read(), console))


@app.command()
def doctor() -> None:
    """Look whether this machine has what the suite needs."""
    raise typer.Exit(0 if print_findings(console, Settings.read()) else 1)


@app.command()
def demo() -> None:
    """Load the CDNOW history; loading it twice changes nothing."""
    # Imported here: only this command needs an HTTP client.
    from local_runner.demo import load_demo  # noqa: PLC0415

    raise typer.Exit(load_demo(Settings.read(), console))


def main() -> None:
    """Run a command; what can go wrong in the suite is told in a sentence, without a traceback."""
    try:
        app()
    except DomainError as error:
        Console(stderr=True).print(str(error), style="red", highlight=False, markup=False)
        sys.exit(1)


if __name__ == "__main__":
    main()
