"""Runs the benchmarks: `python deploy/bench [name …]`; each prints our figure, its reference in the same run, and the ratio."""

import argparse
import asyncio
import importlib
import sys
from pathlib import Path

from figures import keep, table

NAMES = ("http_routes", "ledger", "liability", "hearing", "tiers", "messaging", "latency", "faults", "many_customers", "imports", "start")


def main() -> None:
    """Run the benchmarks named on the command line, all when none is."""
    parser = argparse.ArgumentParser(prog="python deploy/bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], default=list(NAMES))
    for name in parser.parse_args().names:
        print(f"\n{name} …", file=sys.stderr)
        figures = asyncio.run(importlib.import_module(name).measure())
        print(table(figures))
        print(f"kept in {keep(figures, title=name).relative_to(Path.cwd())}", file=sys.stderr)


if __name__ == "__main__":
    main()
