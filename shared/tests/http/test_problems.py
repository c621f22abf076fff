import httpx2
import orjson
import pytest
from regulars_sample.app import SERVICE

from shared.errors import NotFound
from shared.http import openapi_document, problems
from shared.http.body import MAX_DEPTH, read_json
from shared.http.errors import MalformedBody

NOTE = {"customer_id": "cus_1", "title": "Likes tea"}
JSON = {"content-type": "application/json"}


def problem(answer: httpx2.Response, status: int, code: str) -> dict:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (body["status"], body["code"]) == (status, code)
    assert body["type"] == f"urn:regulars:problem:{code}"
    assert body["request_id"] == answer.headers["x-request-id"]
    return body


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        (b"{", "malformed_body", None),
        (b'{"stars": NaN}', "malformed_body", None),
        (b'{"stars": Infinity}', "malformed_body", None),
        (b'{"title": "\\ud800"}', "malformed_body", None),
        (b'{"title": "\xff"}', "malformed_body", None),
        ('{"title": "tea"}'.encode("utf-16"), "malformed_body", None),
        (b'{"title": "a", "title": "b"}', "malformed_body", "/title"),
        (b'{"title":"a","title":"b"}', "malformed_body", "/title"),
        (b"[" * 40 + b"]" * 40, "malformed_body", None),
        (b"[" * 5000 + b"]" * 5000, "malformed_body", None),
        (b'{"remark": "\\u0000"}', "nul_character", "/remark"),
    ],
)
async def test_bodies_that_are_not_json_as_we_accept_it(client: httpx2.AsyncClient, body: bytes, code: str, pointer: str | None) -> None:
    answer = await client.post("/v1/notes", content=body, headers=JSON)
    found = problem(answer, 422 if code == "nul_character" else 400, code)
    assert [error["pointer"] for error in found.get("errors", [])] == ([pointer] if pointer else [])


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        ({"unknown": 1}, "extra_forbidden", "/unknown"),
        ({"title": ""}, "string_too_short", "/title"),
        ({"title": "x" * 201}, "string_too_long", "/title"),
        ({"stars": "three"}, "int_parsing", "/stars"),
        ({"customer_id": None}, "string_type", "/customer_id"),
        ({"a/b~c": 1}, "extra_forbidden", "/a~1b~0c"),
    ],
)
async def test_fields_that_are_not_as_described(client: httpx2.AsyncClient, change: dict, code: str, pointer: str) -> None:
    found = problem(await client.post("/v1/notes", json=NOTE | change), 422, "validation_failed")
    assert found["errors"] == [{"pointer": pointer, "code": code, "detail": found["errors"][0]["detail"], "location": "body"}]


async def test_an_empty_body_is_refused(client: httpx2.AsyncClient) -> None:
    problem(await client.post("/v1/notes", headers=JSON), 422, "validation_failed")


@pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "application/json; charset=latin-1", "multipart/form-data"])
async def test_other_media_types_are_refused(client: httpx2.AsyncClient, media_type: str) -> None:
    problem(await client.post("/v1/notes", content=orjson.dumps(NOTE), headers={"content-type": media_type}), 415, "unsupported_media_type")


async def test_a_body_without_a_media_type_is_refused(client: httpx2.AsyncClient) -> None:
    problem(await client.post("/v1/notes", content=orjson.dumps(NOTE)), 415, "unsupported_media_type")


async def test_a_body_over_the_limit_is_refused_with_and_without_a_length(client: httpx2.AsyncClient) -> None:
    async def chunks():
        for _ in range(20):
            yield b"x" * 10_000

    problem(await client.post("/v1/notes", content=b"x" * 200_000, headers=JSON), 413, "too_large")
    problem(await client.post("/v1/notes", content=chunks(), headers=JSON), 413, "too_large")


async def test_unknown_routes_and_methods(client: httpx2.AsyncClient) -> None:
    problem(await client.get("/v1/nothing"), 404, "route_not_found")
    answer = await client.delete("/v1/notes")
    problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, POST"


async def test_unknown_parameters(client: httpx2.AsyncClient) -> None:
    found = problem(await client.get("/v1/notes?colour=red"), 400, "unknown_parameter")
    assert found["errors"][0]["pointer"] == "/colour"
    assert found["errors"][0]["location"] == "query"
    problem(await client.get("/v1/notes?begins=%00"), 400, "malformed_body")


async def test_text_with_nul_in_the_path_names_nothing(client: httpx2.AsyncClient) -> None:
    problem(await client.get("/v1/notes/a%00b"), 404, "not_found")


async def test_domain_errors_keep_their_code(client: httpx2.AsyncClient) -> None:
    found = problem(await client.get("/v1/notes/not_1"), 404, "note_not_found")
    assert found["title"] == "There is no such note."


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [
        ("raise", 500, "internal_error"),
        ("divide", 422, "value_refused"),
        ("text", 422, "value_refused"),
        ("overflow", 422, "value_refused"),
        ("deferred", 500, "internal_error"),
    ],
)
async def test_what_no_service_caught(client: httpx2.AsyncClient, how: str, status: int, code: str) -> None:
    answer = await client.post(f"/v1/failures/{how}")
    problem(answer, status, code)
    assert "secret" not in answer.text


async def test_constraints_that_no_service_caught(client: httpx2.AsyncClient) -> None:
    assert (await client.post("/v1/notes", json=NOTE)).status_code == 201
    problem(await client.post("/v1/notes", json=NOTE), 409, "already_exists")
    problem(await client.post("/v1/notes", json=NOTE | {"title": "b", "stars": 6}), 422, "value_refused")
    problem(await client.post("/v1/notes", json=NOTE | {"title": "c", "stars": 2**40}), 422, "value_refused")


async def test_no_input_is_echoed(client: httpx2.AsyncClient) -> None:
    canary = "canary-4711"
    for body in ({"customer_id": [canary], "title": canary * 40, "stars": canary}, {"title": {"x": canary}}):
        answer = await client.post("/v1/notes", json=body)
        assert answer.status_code == 422
        assert canary not in answer.text


async def test_a_given_request_id_is_kept_when_it_is_harmless(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/livez", headers={"x-request-id": "abc-1"})).headers["x-request-id"] == "abc-1"
    assert (await client.get("/livez", headers={"x-request-id": "a b\n"})).headers["x-request-id"].startswith("req_")


def test_depth_is_counted_exactly() -> None:
    def nested(depth: int) -> bytes:
        return b'{"a":' * (depth - 1) + b"[]" + b"}" * (depth - 1)

    # Brackets in strings make the quick count useless, and must not change the verdict.
    padding = b'["]]]]]]}}}}}[[[[[[{{{{{",' * 1
    assert read_json(nested(MAX_DEPTH))
    assert read_json(padding + nested(MAX_DEPTH - 1) + b"]")
    with pytest.raises(MalformedBody):
        read_json(nested(MAX_DEPTH + 1))
    with pytest.raises(MalformedBody):
        read_json(padding + nested(MAX_DEPTH) + b"]")


def test_the_document_describes_its_own_error_where_another_service_has_one_of_the_same_code() -> None:
    class NoteNotFound(NotFound):
        code = "note_not_found"
        title = "Another service's note."

    NoteNotFound.__module__ = "another_service.notes"
    problems(NoteNotFound)
    examples = openapi_document(SERVICE)["components"]["examples"]
    assert examples["note_not_found"]["value"]["title"] == "There is no such note."
