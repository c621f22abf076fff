"""Writes who listens to which event, from the services' handler tables, for the AsyncAPI document.

    python deploy/contracts/listeners.py [--check]

The contracts know no service, so this stands outside of them; run it before `python -m shared.contracts.generate`.
"""

import argparse
import importlib
import json
import sys
from pathlib import Path

from shared.contracts.registry import PRODUCERS
from shared.service import Service

LISTENERS = Path(__file__).parents[2] / "shared" / "schemas" / "listeners.json"


def listeners() -> dict[str, list[str]]:
    """Return the types that each service handles."""
    services: list[Service] = [importlib.import_module(f"{name}.app").SERVICE for name in sorted(PRODUCERS)]
    return {service.name: sorted(event.type for event in service.handlers) for service in services}


def main() -> int:
    """Write the file, or compare it; return the exit status."""
    parser = argparse.ArgumentParser(description="Write who listens to which event.")
    parser.add_argument("--check", action="store_true", help="write nothing, fail on a difference")
    check = parser.parse_args().check
    content = json.dumps(listeners(), indent=2) + "\n"
    if not check:
        LISTENERS.write_text(content)
        return 0
    if LISTENERS.exists() and LISTENERS.read_text() == content:
        return 0
    print("shared/schemas/listeners.json is not up to date", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
