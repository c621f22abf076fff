"""Batches: up to a thousand items, each with a result of its own, in order."""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

import orjson
from pydantic import Field, SkipValidation, TypeAdapter, ValidationError

from shared.errors import DomainError
from shared.http.body import nul_path
from shared.http.errors import TextRefused
from shared.http.problems import Problem, pointer_of, problem_of
from shared.http.schemas import InputModel, OutputModel

MAX_ITEMS = 1_000

T = TypeVar("T")


class BatchRequest(InputModel, Generic[T]):
    """Items that are described as `T` but arrive raw, so that a bad one does not fail the others."""

    items: list[SkipValidation[T]] = Field(min_length=1, max_length=MAX_ITEMS, description="Up to 1,000 items.")


class ItemResult(OutputModel):
    """What became of one item."""

    status: int = Field(description="HTTP status of this item: 201 created, 200 existed or updated, 4xx refused.", examples=[201])
    id: str | None = Field(default=None, description="The id of what the item made or found.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    problem: Problem | None = Field(default=None, description="Why the item was refused.")


class BatchAnswer(OutputModel):
    """The results of a batch."""

    results: list[ItemResult] = Field(description="One for each item, in the order of the items.")


def read_items(adapter: TypeAdapter[T], items: Sequence[Any]) -> list[T | ItemResult]:
    """Validate raw items.

    Args:
        adapter: a module-level `TypeAdapter` of the item's model.
        items: `BatchRequest.items`.

    Returns:
        At each place the valid item, or the result that refuses it.
    """
    if b"\\u0000" in orjson.dumps(items):
        return [_read_suspicious(adapter, item) for item in items]
    return [_read(adapter, item) for item in items]


def refused(error: DomainError | ValidationError) -> ItemResult:
    """Return the result of an item that an error refuses."""
    body = problem_of(error)
    return ItemResult(status=body["status"], problem=Problem.model_construct(**body))


def created(id_: str) -> ItemResult:
    """Return the result of an item that made something."""
    return ItemResult(status=201, id=id_)


def existed(id_: str) -> ItemResult:
    """Return the result of an item whose thing was there already, or was updated."""
    return ItemResult(status=200, id=id_)


def answer_body(results: Sequence[ItemResult]) -> Mapping[str, Any]:
    """Return the batch's answer as plain data: a thousand models need not be validated on their way out."""
    return {"results": [result.model_dump(exclude_none=True, warnings=False) for result in results]}


def _read(adapter: TypeAdapter[T], item: Any) -> T | ItemResult:
    try:
        return adapter.validate_python(item)
    except ValidationError as error:
        return refused(error)


def _read_suspicious(adapter: TypeAdapter[T], item: Any) -> T | ItemResult:
    path = nul_path(item)
    if path is not None:
        return refused(TextRefused(pointer=pointer_of(path)))
    return _read(adapter, item)
