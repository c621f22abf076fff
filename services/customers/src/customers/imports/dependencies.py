"""What the routes of imports are given."""

from datetime import datetime, timedelta
from typing import Annotated, cast

from fastapi import Depends, Query
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.requests import Request

from customers.imports import service
from customers.imports.schemas import MAX_MATCH, ImportOptions
from customers.imports.upload import Received
from customers.settings import CustomersSettings
from shared.http import Caller, requires, state_of

WritesImports = Annotated[Caller, requires("imports:write")]
_Text = Annotated[str | None, Query(max_length=50)]
_MAX_MAPPING = 20_000


async def _options(
    received: Received,
    source: Annotated[str | None, Query(max_length=50, description="Whose word the rows are.", examples=["crm"])] = None,
    match: Annotated[
        str | None,
        Query(max_length=MAX_MATCH, description="Identities with commas between them, or any.", examples=["email,identities.card"]),
    ] = None,
    mode: Annotated[str | None, Query(max_length=50, description="create, update or upsert.", examples=["upsert"])] = None,
    dry_run: Annotated[str | None, Query(max_length=50, description="true only finds out.", examples=["true"])] = None,
    empty: Annotated[str | None, Query(max_length=50, description="keep or clear: what an empty cell does.")] = None,
    format: Annotated[str | None, Query(max_length=50, description="csv or ndjson.")] = None,  # noqa: A002 - the parameter's name
    encoding: Annotated[str | None, Query(max_length=50, description="Detected when absent.", examples=["cp1257"])] = None,
    delimiter: Annotated[str | None, Query(max_length=5, description="Detected when absent.", examples=[";"])] = None,
    mapping: Annotated[
        str | None, Query(max_length=_MAX_MAPPING, description="JSON: field by column.", examples=['{"E-mail": "email"}'])
    ] = None,
) -> ImportOptions:
    given = {
        "source": source,
        "match": match,
        "mode": mode,
        "dry_run": dry_run,
        "empty": empty,
        "format": format,
        "encoding": encoding,
        "delimiter": delimiter,
        "mapping": mapping,
    }
    texts = {name: text for name, text in given.items() if text is not None} | received.fields
    try:
        return service.read_options(texts)
    except ValidationError as error:
        raise RequestValidationError([{**each, "loc": ("query", *each["loc"])} for each in error.errors(include_url=False)]) from None


GivenOptions = Annotated[ImportOptions, Depends(_options)]


async def _keep_until(request: Request) -> datetime:
    state = state_of(request)
    settings = cast(CustomersSettings, state.settings)
    return state.clock.now() + timedelta(days=settings.import_retention_days)


KeepUntil = Annotated[datetime, Depends(_keep_until)]
