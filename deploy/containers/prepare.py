"""Prepares the broker and the database for the services; runs once before them, and any number of times.

Usage: prepare.py topics | roles. Reads KAFKA_BOOTSTRAP_SERVERS, or ADMIN_DATABASE_URL, DATABASE_NAME and <SERVICE>_DATABASE_PASSWORD.
"""

import asyncio
import os
import re
import sys
from pathlib import Path

from shared.embedded import roles
from shared.embedded.broker import ensure_topics, read_topics

_TOPICS = Path(__file__).with_name("topics.yaml")
# Passwords are pasted into URLs, and a short one is a placeholder that somebody forgot to replace.
_STRONG = re.compile(r"[A-Za-z0-9_-]{20,}")


def main(arguments: list[str]) -> None:
    """Prepare what the one argument names."""
    match arguments:
        case ["topics"]:
            asyncio.run(ensure_topics(os.environ["KAFKA_BOOTSTRAP_SERVERS"], read_topics(_TOPICS)))
        case ["roles"]:
            refuse_weak_passwords()
            roles.main()
        case _:
            sys.exit("usage: prepare.py topics | roles")


def refuse_weak_passwords() -> None:
    """Exit, before anything is changed, when a password is one that must not be used."""
    weak = [name for name, value in sorted(os.environ.items()) if name.endswith("_DATABASE_PASSWORD") and not _STRONG.fullmatch(value)]
    if weak:
        sys.exit(f"At least 20 letters, digits, _ or - are needed in {', '.join(weak)}; deploy/containers/make_env makes such.")


if __name__ == "__main__":
    main(sys.argv[1:])
