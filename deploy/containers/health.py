"""Asks the service of this container whether it is ready; the exit status is the answer. Needs no curl in the image."""

import os
import sys
import urllib.error
import urllib.request

_TIMEOUT_SECONDS = 3.0
_DEFAULT_PORT = "8000"


def main() -> None:
    """Exit with 0 when `/readyz` answers 200, else with 1 and the reason on standard error."""
    port = os.environ.get(f"{os.environ['SERVICE'].upper()}_HTTP_PORT", _DEFAULT_PORT)
    try:
        # An answer other than 2xx or 3xx raises.
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=_TIMEOUT_SECONDS):
            return
    except (urllib.error.URLError, OSError) as error:
        sys.exit(f"not ready: {error}")


if __name__ == "__main__":
    main()
