"""The rules of HTTP that every service keeps, as tests: subclass `ConformanceSuite` in a test module of the service.

    class TestConformance(ConformanceSuite):
        public = frozenset({"keys_jwks"})

It needs the fixture `service` of the plugin and nothing else: it makes its own application, keys and tokens.
"""

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Any, ClassVar

import httpx2
import pytest
import pytest_asyncio
from fastapi import FastAPI

from shared.clock import FrozenClock
from shared.database.pool import Database
from shared.database.unit_of_work import UnitOfWork
from shared.http import Route, create_app
from shared.http.access_events import ensure_signing_key, issue_key, revoke_key
from shared.http.api_keys import generate_key
from shared.http.pagination import binding_of, write_cursor
from shared.http.scopes import ALL_SCOPES, MEMBER_SCOPES
from shared.http.tokens import SigningKey, mint_member_token
from shared.service import Service
from shared.settings import ServiceSettings

_OPERATION_ID = re.compile(r"^[a-z]+(_[a-z0-9]+)+$")
_PARAMETER = re.compile(r"\{([a-z_]+)\}")
_PROBLEM = "application/problem+json"
_JSON = {"content-type": "application/json"}
_SOMEBODY, _SOMEBODY_ELSE = "cus_01jd3z0k7cz9v8w6t5s4r3q2p1", "cus_01jd3z0k7cz9v8w6t5s4r3q2p2"
# A body so large that no route wants it, and that the limit of the suite's settings refuses.
_MAX_BODY_BYTES = 200_000
_EAST = timezone(timedelta(hours=14))
# Sort keys that no list has: of other lengths, of other types, with what Postgres cannot take.
_FORGED_KEYS: tuple[tuple[Any, ...], ...] = (
    (),
    (2**63,),
    (2**63, "x"),
    (None,),
    ("\0",),
    (None, None),
    (True, "x"),
    ("x", 5),
    ("x", "y", "z"),
    (datetime(2026, 1, 1), "x"),  # noqa: DTZ001 - without a zone
    (datetime(1, 1, 1, tzinfo=_EAST), "x"),
    (date(2026, 1, 1), "x"),
)


@dataclass(frozen=True)
class Operation:
    """One operation of the OpenAPI document."""

    route: Route
    method: str
    described: dict[str, Any]

    @property
    def id(self) -> str:
        """Its operationId."""
        return self.described["operationId"]

    @property
    def takes_body(self) -> bool:
        """Whether it describes a body of JSON."""
        return "application/json" in self.described.get("requestBody", {}).get("content", {})

    def parameters(self, location: str) -> set[str]:
        """Return the names of its parameters in `query`, `path` or `header`."""
        return {parameter["name"] for parameter in self.described.get("parameters", ()) if parameter["in"] == location}

    def path(self, customer_id: str = _SOMEBODY) -> str:
        """Return its path, filled in; parameters that hold a customer get this one."""
        own = {requirement.own for requirement in self.route.requirements}
        path = _PARAMETER.sub(lambda match: customer_id if match[1] in own else "none", self.route.path_format)
        asked = own & self.parameters("query")
        return path + "".join(f"?{name}={customer_id}" for name in asked)


class ConformanceSuite:
    """Subclass it as `Test…` in a service's tests.

    Attributes:
        public: operations that anybody may call; every other one must refuse a caller without credentials.
        untagged: operations that read something of which no tag is told, such as a file or a stream.
        unversioned: operations that replace or delete without asking for the version that is changed, and why they need not.
    """

    public: ClassVar[frozenset[str]] = frozenset()
    untagged: ClassVar[frozenset[str]] = frozenset()
    unversioned: ClassVar[Mapping[str, str]] = {}

    @pytest.fixture(scope="session")
    @classmethod
    def document(cls, service: Service) -> dict[str, Any]:
        """The OpenAPI document of the service: describing a hundred routes takes longer than asking them."""
        return create_app(service, _settings(service)).openapi()

    @pytest.fixture
    def application(self, service: Service, database: Database, clock: FrozenClock, document: dict[str, Any]) -> FastAPI:
        """The service's application on a database that is rolled back."""
        application = create_app(service, _settings(service), database=database, clock=clock)
        application.openapi_schema = document
        return application

    @pytest.fixture
    def operations(self, application: FastAPI) -> list[Operation]:
        """Every operation."""
        return list(_operations(application))

    @pytest_asyncio.fixture
    async def anybody(self, application: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
        """A client without credentials."""
        transport = httpx2.ASGITransport(app=application)
        client = httpx2.AsyncClient(transport=transport, base_url="http://service")
        async with application.router.lifespan_context(application), client:
            yield client

    @pytest_asyncio.fixture
    async def mighty(self, anybody: httpx2.AsyncClient, database: Database) -> httpx2.AsyncClient:
        """A client whose key has all scopes."""
        anybody.headers["authorization"] = f"Bearer {await _key(database)}"
        return anybody

    def test_operation_ids_are_chosen_by_hand(self, operations: list[Operation]) -> None:
        """They are unique and read like `customers_create`: clients are generated from them."""
        ids = [operation.id for operation in operations]
        assert len(ids) == len(set(ids))
        assert [name for name in ids if not _OPERATION_ID.match(name)] == []

    def test_operations_are_described(self, operations: list[Operation]) -> None:
        """Each has a summary, a tag, its access, an example of what it takes, and problems for what it refuses."""
        lacking = {operation.id: _lacks(operation, self.public) for operation in operations}
        assert {name: missing for name, missing in lacking.items() if missing} == {}

    def test_fields_are_described(self, application: FastAPI) -> None:
        """Every parameter and every field of a body that is sent has a description or a title."""
        document = application.openapi()
        assert document["openapi"].startswith("3.1")
        assert not [name for name in document["components"]["schemas"] if name.endswith(("-Input", "-Output"))]

    async def test_documentation_needs_no_internet(self, anybody: httpx2.AsyncClient) -> None:
        """The page and its assets come from here."""
        page = await anybody.get("/docs")
        assert page.status_code == 200
        assert re.findall(r"https?://|[\"']//", page.text) == []
        for asset in re.findall(r"(?:src|href)=\"([^\"]+)\"", page.text):
            assert (await anybody.get(asset)).status_code == 200, asset
        assert (await anybody.get("/openapi.json")).status_code == 200

    async def test_health(self, anybody: httpx2.AsyncClient) -> None:
        """Probes and metrics answer without credentials."""
        for path in ("/livez", "/readyz", "/startupz", "/metrics"):
            assert (await anybody.get(path)).status_code == 200, path

    async def test_nobody_enters_without_valid_credentials(
        self, application: FastAPI, operations: list[Operation], anybody: httpx2.AsyncClient, database: Database, clock: FrozenClock
    ) -> None:
        """Every operation that is not public refuses no, wrong, unknown, expired and revoked credentials."""
        credentials = await _invalid_credentials(database, clock)
        for number, operation in enumerate(operations):
            # From an address of its own: one that fails too often is refused before it is looked at.
            transport = httpx2.ASGITransport(app=application, client=(f"10.0.{number // 250}.{number % 250}", 1))
            stranger = httpx2.AsyncClient(transport=transport, base_url=anybody.base_url)
            for name, value in credentials.items():
                headers = {"authorization": value} if value is not None else {}
                answer = await stranger.request(operation.method, operation.path(), headers=headers)
                if operation.id in self.public:
                    assert answer.status_code != 401, (operation.id, name)
                else:
                    _is_problem(answer, 401, (operation.id, name))

    async def test_scopes_are_needed(self, operations: list[Operation], anybody: httpx2.AsyncClient, database: Database) -> None:
        """A key with every scope but those that an operation needs is refused."""
        keys: dict[frozenset[str], str] = {}
        for operation in operations:
            needed = frozenset(requirement.scope for requirement in operation.route.requirements)
            if not needed:
                continue
            if needed not in keys:
                keys[needed] = await _key(database, sorted(set(ALL_SCOPES) - needed))
            answer = await anybody.request(operation.method, operation.path(), headers={"authorization": f"Bearer {keys[needed]}"})
            _is_problem(answer, 403, operation.id)

    async def test_members_see_nobody_else(
        self, operations: list[Operation], anybody: httpx2.AsyncClient, database: Database, clock: FrozenClock
    ) -> None:
        """A member's token opens his own data only: others are unknown to him, and what is not for members is forbidden."""
        key = SigningKey.generate()
        await ensure_signing_key(database, key)
        token = mint_member_token(key, customer_id=_SOMEBODY_ELSE, scopes=MEMBER_SCOPES, now=clock.now(), minted_by="conformance")
        for operation in operations:
            if not operation.route.requirements:
                continue
            answer = await anybody.request(operation.method, operation.path(_SOMEBODY), headers={"authorization": f"Bearer {token}"})
            assert answer.status_code in (403, 404), (operation.id, answer.status_code)

    async def test_bodies_are_refused_by_rule(self, operations: list[Operation], mighty: httpx2.AsyncClient) -> None:
        """What is not JSON, not described, too large, too deep or of another type gets its own status."""
        deep = b"[" * 100 + b"]" * 100
        cases: list[tuple[bytes, dict[str, str], int]] = [
            (b"{", _JSON, 400),
            (deep, _JSON, 400),
            (b'{"a": NaN}', _JSON, 400),
            (b'{"a": 1, "a": 2}', _JSON, 400),
            (b"{}", {"content-type": "text/plain"}, 415),
            (b" " * (_MAX_BODY_BYTES + 1), _JSON, 413),
            (b'{"surely_unknown": 1}', _JSON | {"if-match": '"1"'}, 422),
        ]
        for operation in operations:
            if operation.takes_body:
                for body, headers, status in cases:
                    answer = await mighty.request(operation.method, operation.path(), content=body, headers=headers)
                    _is_problem(answer, status, (operation.id, body[:30]))

    async def test_unknown_parameters_are_refused(self, operations: list[Operation], mighty: httpx2.AsyncClient) -> None:
        """A filter that is not known is an error, never ignored."""
        for operation in operations:
            answer = await mighty.request(operation.method, operation.path(), params={"surely_unknown": "1"})
            _is_problem(answer, 400, operation.id)

    async def test_pages(self, operations: list[Operation], mighty: httpx2.AsyncClient) -> None:
        """Lists have bounded limits and refuse cursors that they did not give out."""
        for operation in operations:
            if "cursor" not in operation.parameters("query"):
                continue
            for limit in ("0", "101", "many"):
                _is_problem(await mighty.get(operation.path(), params={"limit": limit}), 422, operation.id)
            for cursor in ("x", "AAAA", "e30"):
                answer = await mighty.get(operation.path(), params={"cursor": cursor})
                assert (answer.status_code, answer.json()["code"]) in ((400, "invalid_cursor"), (400, "cursor_mismatch")), operation.id

    async def test_forged_cursors_are_refused(self, operations: list[Operation], mighty: httpx2.AsyncClient) -> None:
        """A cursor is not signed: one with the right binding may hold anything, which must not reach the database."""
        for operation in operations:
            if "cursor" not in operation.parameters("query"):
                continue
            url = httpx2.URL(operation.path())
            binding = binding_of(url.path, sorted(url.params.multi_items()))
            for key in _FORGED_KEYS:
                answer = await mighty.get(url.copy_merge_params({"cursor": write_cursor(key, binding)}))
                assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor"), (operation.id, key)

    async def test_writes_can_be_repeated_safely(self, operations: list[Operation], mighty: httpx2.AsyncClient) -> None:
        """Every POST takes Idempotency-Key, and refuses one that has not its form."""
        for operation in operations:
            if operation.method != "POST":
                continue
            assert "Idempotency-Key" in operation.parameters("header"), operation.id
            content = b"{}" if operation.takes_body else None
            answer = await mighty.post(operation.path(), content=content, headers=_JSON | {"idempotency-key": "with space"})
            _is_problem(answer, 400, operation.id)

    async def test_changes_need_the_version(self, operations: list[Operation], mighty: httpx2.AsyncClient) -> None:
        """PATCH, PUT and DELETE ask for If-Match, but those of which it is said why they do not."""
        blind = set()
        for operation in operations:
            if operation.method not in ("PATCH", "PUT", "DELETE"):
                continue
            if "If-Match" not in operation.parameters("header"):
                blind.add(operation.id)
            else:
                answer = await mighty.request(operation.method, operation.path(), content=b"{}", headers=_JSON)
                _is_problem(answer, 428, operation.id)
        assert blind == self.unversioned.keys()

    async def test_what_was_read_is_not_sent_again(self, operations: list[Operation], mighty: httpx2.AsyncClient) -> None:
        """Whatever is read describes its ETag; what an empty database has to show is a 304 the second time, unless time changes it."""
        read = [operation for operation in operations if operation.method == "GET"]
        assert {operation.id for operation in read if not _describes_tag(operation)} == self.untagged
        for operation in read:
            answer = await mighty.get(operation.path())
            if answer.status_code == 200 and operation.id not in self.untagged:
                again = await mighty.get(operation.path(), headers={"if-none-match": answer.headers["etag"]})
                assert again.status_code == 304 or again.headers["etag"] != answer.headers["etag"], operation.id

    async def test_other_methods_are_refused(self, operations: list[Operation], mighty: httpx2.AsyncClient) -> None:
        """An unknown method is told which ones there are."""
        for operation in operations:
            answer = await mighty.request("TRACE", operation.path())
            _is_problem(answer, 405, operation.id)
            assert operation.method in answer.headers["allow"], operation.id

    async def test_every_answer_names_its_request_and_what_is_left(self, operations: list[Operation], mighty: httpx2.AsyncClient) -> None:
        """The request id leads to the logs; the rate limit is told before it is met."""
        for operation in operations:
            answer = await mighty.request(operation.method, operation.path(), headers={"x-request-id": "conformance-1"})
            assert answer.headers["x-request-id"] == "conformance-1"
            assert {"ratelimit", "ratelimit-policy"} <= set(answer.headers), operation.id


def _settings(service: Service) -> ServiceSettings:
    return service.settings.model_validate({"database_url": "postgresql://unused", "max_body_bytes": _MAX_BODY_BYTES})


def _operations(application: FastAPI) -> Iterator[Operation]:
    paths = application.openapi()["paths"]
    for route in application.routes:
        if isinstance(route, Route) and route.include_in_schema:
            for method in route.methods or ():
                yield Operation(route, method, paths[route.path_format][method.lower()])


def _lacks(operation: Operation, public: frozenset[str]) -> list[str]:
    described = operation.described
    missing = [part for part in ("summary", "tags") if not described.get(part)]
    if not described["security"] and operation.id not in public:
        missing.append("security")
    for status, response in described["responses"].items():
        if status[0] in "45" and list(response.get("content", ())) != [_PROBLEM]:
            missing.append(f"problem for {status}")
    if "429" not in described["responses"] or "500" not in described["responses"]:
        missing.append("what the edge refuses")
    return missing


def _describes_tag(operation: Operation) -> bool:
    responses = operation.described["responses"]
    return "ETag" in responses["200"].get("headers", {}) and "304" in responses and "If-None-Match" in operation.parameters("header")


def _is_problem(answer: httpx2.Response, status: int, where: object) -> None:
    assert answer.status_code == status, (where, answer.status_code, answer.text[:300])
    assert answer.headers["content-type"] == _PROBLEM, where
    body = answer.json()
    assert body["status"] == status, where
    assert {"type", "title", "code", "request_id"} <= body.keys(), where


async def _key(database: Database, scopes: Any = ALL_SCOPES) -> str:
    async with UnitOfWork(database) as uow:
        issued = await issue_key(uow, name="conformance", scopes=scopes)
        await uow.commit()
    return issued.key


async def _invalid_credentials(database: Database, clock: FrozenClock) -> dict[str, str | None]:
    async with UnitOfWork(database) as uow:
        expired = await issue_key(uow, name="expired", scopes=ALL_SCOPES, expires_at=clock.now() - timedelta(seconds=1))
        revoked = await issue_key(uow, name="revoked", scopes=ALL_SCOPES)
        await revoke_key(uow, revoked.key_id)
        await uow.commit()
    known, stranger = SigningKey.generate(), SigningKey.generate()
    await ensure_signing_key(database, known)
    forged = SigningKey(stranger.private, known.kid, known.jwk)
    member = {"customer_id": _SOMEBODY, "scopes": ALL_SCOPES, "minted_by": "conformance"}
    return {
        "none": None,
        "another scheme": "Basic YTpi",
        "malformed": "Bearer rk_nonsense",
        "unknown": f"Bearer {generate_key().key}",
        "expired": f"Bearer {expired.key}",
        "revoked": f"Bearer {revoked.key}",
        "forged token": f"Bearer {mint_member_token(forged, now=clock.now(), **member)}",
        "expired token": f"Bearer {mint_member_token(known, now=clock.now() - timedelta(hours=2), **member)}",
    }
