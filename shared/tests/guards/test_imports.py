"""The import rules hold, and each of them refuses a sample that breaks it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from shared.testing.house_lints import ROOT

PACKAGES = ("shared", "customers", "feedback", "loyalty", "analytics")
SAMPLES = {
    "No service imports another": ("loyalty/ledger/service.py", "import customers"),
    "The chassis knows no service": ("shared/cli.py", "import feedback"),
    "Event contracts stand alone": ("shared/contracts/base.py", "import shared.ids"),
    "Rules are pure": ("loyalty/ledger/rules.py", "import shared.database"),
    "Use cases, queries and tables know no web framework": ("loyalty/ledger/repository.py", "import fastapi"),
    "Routes run no query": ("loyalty/ledger/router.py", "import sqlalchemy"),
    "The product does not need its test tools": ("loyalty/ledger/service.py", "import shared.testing"),
}
# What the configuration names must exist; in the samples all of it is empty.
_MODULES = (
    "cli", "clock", "contracts", "database", "embedded", "envelope", "errors", "http", "ids", "messaging", "process", "service",
    "settings", "statistics", "telemetry", "testing",
)  # fmt: skip
_SLICE = ("router", "service", "rules", "repository", "models", "errors")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A suite with nothing in it that keeps all rules."""
    folders = [tmp_path / package for package in PACKAGES]
    folders += [tmp_path / package / "ledger" for package in PACKAGES[1:]]
    folders += [tmp_path / "shared" / module for module in _MODULES if module in {"contracts", "database", "http", "messaging", "testing"}]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "__init__.py").touch()
    for folder in folders:
        if folder.name == "ledger":
            for name in _SLICE:
                (folder / f"{name}.py").touch()
    for module in _MODULES:
        if not (tmp_path / "shared" / module).exists():
            (tmp_path / "shared" / f"{module}.py").touch()
    (tmp_path / "shared" / "contracts" / "base.py").touch()
    shutil.copy(ROOT / ".importlinter", tmp_path)
    return tmp_path


def lint(root: Path, path: Path | None = None) -> str:
    """What import-linter says of a tree; `path` stands before the installed packages."""
    environment = os.environ | ({"PYTHONPATH": str(path)} if path else {}) | {"NO_COLOR": "1"}
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache", "--no-logo"]
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False).stdout


def broken(output: str) -> set[str]:
    return {line.removesuffix(" BROKEN") for line in output.splitlines() if line.endswith(" BROKEN")}


def test_the_tree_keeps_the_import_rules() -> None:
    output = lint(ROOT)
    assert f"Contracts: {len(SAMPLES)} kept, 0 broken." in output, output


def test_an_empty_suite_keeps_them(tree: Path) -> None:
    output = lint(tree, tree)
    assert f"Contracts: {len(SAMPLES)} kept, 0 broken." in output, output


@pytest.mark.parametrize("contract", SAMPLES)
def test_each_import_rule_bites(tree: Path, contract: str) -> None:
    path, statement = SAMPLES[contract]
    (tree / path).write_text(f"{statement}\n")
    assert broken(lint(tree, tree)) == {contract}


def test_every_import_rule_has_a_sample() -> None:
    names = {line.removeprefix("name = ") for line in (ROOT / ".importlinter").read_text().splitlines() if line.startswith("name = ")}
    assert names == set(SAMPLES)
