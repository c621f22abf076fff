"""The list of who listens, from which the AsyncAPI document is made, is what the services' handler tables say."""

import subprocess
import sys

from shared.testing.house_lints import ROOT


def test_the_listeners_are_up_to_date() -> None:
    command = [sys.executable, str(ROOT / "deploy" / "contracts" / "listeners.py"), "--check"]
    assert subprocess.run(command, check=False).returncode == 0, "run `python deploy/contracts/listeners.py`"
