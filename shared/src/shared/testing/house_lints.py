"""The house rules that no ready-made linter knows, checked on the syntax tree.

    python -m shared.testing.house_lints [folder]

prints each breach as `path:line: rule: sentence` and fails when there is one. There is no way to silence a rule in place: a
rule that needs an exception is changed here, where everybody sees it.
"""

import ast
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

MAX_FUNCTION_LINES = 70
MAX_FILE_LINES = 500

_HERE = Path(__file__)
# <root>/shared/src/shared/testing/house_lints.py
ROOT = _HERE.parents[4]
SOURCES = ("shared/src", "services/*/src", "deploy/local/src")

_CLOCKS = {
    ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"), ("time", "time"), ("time", "time_ns"),
}  # fmt: skip
_LOG_METHODS = {"debug", "info", "warning", "warn", "error", "exception", "critical", "log", "msg", "bind"}
# What may hold personal data or a secret.
_UNLOGGABLE = {
    "authorization", "body", "comment", "email", "headers", "password", "payload", "phone", "secret", "token", "value",
}  # fmt: skip
_PURE_MAY_NOT = ("sqlalchemy", "fastapi", "starlette", "asyncpg", "aiokafka", "httpx", "alembic", "time", "random", "os")
_PURE_MAY_NOT_OURS = ("shared.clock", "shared.ids", "shared.database", "shared.http", "shared.messaging", "shared.settings")
_CLAIMING_JOIN = re.compile(r"\bIN\s*\(\s*SELECT(?:[^()]|\((?:[^()]|\([^()]*\))*\))*SKIP LOCKED", re.IGNORECASE)
_CONTRACTS_MAY = ("pydantic", "pydantic_core", "shared.contracts", "yaml")


class Breach(NamedTuple):
    """A place that breaks a rule."""

    path: str
    line: int
    rule: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.sentence}"


@dataclass(frozen=True, slots=True)
class Module:
    """A source file, read.

    Attributes:
        path: from the root, with slashes.
        tree: its syntax.
        lines: how many it has.
    """

    path: str
    tree: ast.Module
    lines: int

    @property
    def is_slice(self) -> bool:
        """Whether it belongs to a service and not to the chassis."""
        return self.path.startswith("services/") and "/migrations/" not in self.path

    @property
    def is_rules(self) -> bool:
        """Whether it promises to be pure."""
        return PurePosixPath(self.path).name == "rules.py" or self.path == "shared/src/shared/statistics.py"


Finding = tuple[int, str]
Rule = Callable[[Module], Iterator[Finding]]


def edge_commits(module: Module) -> Iterator[Finding]:
    """Only the edge commits or rolls back; a slice that does breaks the one transaction of its request."""
    if not module.is_slice:
        return
    for call in _calls(module):
        if isinstance(call.func, ast.Attribute) and call.func.attr in {"commit", "rollback"}:
            yield call.lineno, f"a slice calls .{call.func.attr}(); the edge ends the transaction"


def one_clock(module: Module) -> Iterator[Finding]:
    """The wall clock is read in shared/clock.py; everything else is given the time. Test tools may look at their watch."""
    if module.path == "shared/src/shared/clock.py" or module.path.startswith("shared/src/shared/testing/"):
        return
    for call in _calls(module):
        function = call.func
        if isinstance(function, ast.Attribute) and (_last_name(function.value), function.attr) in _CLOCKS:
            yield call.lineno, f"{_last_name(function.value)}.{function.attr}() reads the wall clock; take a Clock"
    for line, name in _imported_names(module):
        if name in {"time.time", "time.time_ns"}:
            yield line, f"{name} reads the wall clock; take a Clock"


def domain_speaks_no_http(module: Module) -> Iterator[Finding]:
    """HTTPException belongs to the edge; the domain raises its own errors."""
    if module.path.startswith("shared/src/shared/http/"):
        return
    used = [(node.lineno, node.attr) for node in ast.walk(module.tree) if isinstance(node, ast.Attribute)]
    for line, name in [*_imported_names(module), *used]:
        if name.rpartition(".")[2] == "HTTPException":
            yield line, "HTTPException; raise a subclass of shared.errors.DomainError"


def routes_commit(module: Module) -> Iterator[Finding]:
    """Routers come from shared.http: FastAPI's own routes would answer before the commit, or without it."""
    if not module.is_slice:
        return
    for line, name in _imported_names(module):
        if name in {"fastapi.APIRouter", "fastapi.FastAPI", "fastapi.routing.APIRouter", "fastapi.routing.APIRoute"}:
            yield line, f"{name}; take the APIRouter of shared.http, whose routes commit before the answer leaves"


def logs_hold_no_data(module: Module) -> Iterator[Finding]:
    """Payloads, bodies and what may be personal never enter a log line."""
    for call in _calls(module):
        if not _is_log_call(call):
            continue
        for keyword in call.keywords:
            if keyword.arg in _UNLOGGABLE:
                yield call.lineno, f"{keyword.arg}= in a log line"
        for value in (*call.args, *(keyword.value for keyword in call.keywords)):
            for name in sorted({_last_name(node) for node in ast.walk(value)} & _UNLOGGABLE):
                yield call.lineno, f"{name} in a log line"


def rules_are_pure(module: Module) -> Iterator[Finding]:
    """rules.py computes: no database, no HTTP, no broker, no clock, no chance, no await."""
    if not module.is_rules:
        return
    for line, name in _imported_names(module):
        if _is_within(name, _PURE_MAY_NOT) or _is_within(name, _PURE_MAY_NOT_OURS):
            yield line, f"imports {name}; rules are pure"
    for node in ast.walk(module.tree):
        if isinstance(node, (ast.AsyncFunctionDef, ast.Await)):
            yield node.lineno, "waits for something; rules are pure"


def contracts_stand_alone(module: Module) -> Iterator[Finding]:
    """Contracts import pydantic, the standard library and each other, so that anybody can read them without the suite."""
    if not module.path.startswith("shared/src/shared/contracts/"):
        return
    for line, name in _imported_names(module):
        if not _is_within(name, _CONTRACTS_MAY) and name.split(".")[0] not in sys.stdlib_module_names:
            yield line, f"imports {name}; contracts stand alone"


def services_are_strangers(module: Module) -> Iterator[Finding]:
    """No service imports another, and the shared package imports none."""
    parts = PurePosixPath(module.path).parts
    own = parts[1] if parts[0] == "services" else None
    services = {"customers", "feedback", "loyalty", "analytics", "console"}
    if parts[0] not in {"services", "shared"}:
        return
    for line, name in _imported_names(module):
        package = name.split(".")[0]
        if package in services and package != own:
            yield line, f"imports {package}; what it must know travels as an event"


def what_is_taken_is_taken_once(module: Module) -> Iterator[Finding]:
    """A row that is claimed is looked for once: as a list that a join makes, Postgres may look again, and takes more than the limit."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _CLAIMING_JOIN.search(node.value):
            yield node.lineno, "a list of claimed rows may be looked for more than once; write = ANY (ARRAY(SELECT …))"


def functions_fit_a_screen(module: Module) -> Iterator[Finding]:
    """No function over 70 lines, no file over 500."""
    if module.lines > MAX_FILE_LINES:
        yield 1, f"{module.lines} lines; a file has at most {MAX_FILE_LINES}"
    for node in ast.walk(module.tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > MAX_FUNCTION_LINES:
                yield node.lineno, f"{node.name} has {lines} lines; a function has at most {MAX_FUNCTION_LINES}"


RULES: tuple[Rule, ...] = (
    edge_commits,
    one_clock,
    domain_speaks_no_http,
    routes_commit,
    logs_hold_no_data,
    rules_are_pure,
    contracts_stand_alone,
    services_are_strangers,
    what_is_taken_is_taken_once,
    functions_fit_a_screen,
)


def check_source(path: str, source: str) -> list[Breach]:
    """Return the breaches of one file.

    Args:
        path: from the root, with slashes; some rules go by it.
        source: its text.
    """
    module = Module(path, ast.parse(source), len(source.splitlines()))
    return [Breach(path, line, rule.__name__, sentence) for rule in RULES for line, sentence in rule(module)]


def check_tree(root: Path = ROOT) -> list[Breach]:
    """Return the breaches of every source file under a root."""
    files = sorted(file for folder in SOURCES for source in root.glob(folder) for file in source.rglob("*.py"))
    return [breach for file in files for breach in check_source(file.relative_to(root).as_posix(), file.read_text())]


def main(arguments: Sequence[str]) -> int:
    """Check a folder; return the exit status."""
    breaches = check_tree(Path(arguments[0]) if arguments else ROOT)
    sys.stdout.writelines(f"{breach}\n" for breach in breaches)
    return 1 if breaches else 0


def _calls(module: Module) -> Iterator[ast.Call]:
    return (node for node in ast.walk(module.tree) if isinstance(node, ast.Call))


def _imported_names(module: Module) -> Iterator[tuple[int, str]]:
    """Yield line and dotted name of everything that is imported, `from a import b` as `a.b`."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module or ''}.{alias.name}") for alias in node.names)


def _is_within(name: str, packages: Sequence[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def _last_name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _is_log_call(call: ast.Call) -> bool:
    function = call.func
    if not isinstance(function, ast.Attribute) or function.attr not in _LOG_METHODS:
        return False
    return _last_name(function.value).lower().strip("_") in {"log", "logger", "logging"}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
