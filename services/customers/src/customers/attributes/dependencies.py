"""Filters by attribute, as query parameters."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends, Query
from starlette.requests import Request

_PREFIX = "attributes."


async def _asked_attributes(
    request: Request,
    _: Annotated[
        str | None,
        Query(
            alias="attributes.*",
            max_length=2_000,
            description="Has this value of a filterable attribute, whose name stands for `*`: `attributes.colour=red`. Numbers, dates and "
            "moments compare, too: `attributes.shoe_size.from=40` (that or above), `attributes.shoe_size.to=44` (below).",
        ),
    ] = None,
) -> Mapping[str, str]:
    return {name.removeprefix(_PREFIX): value for name, value in request.query_params.multi_items() if name.startswith(_PREFIX)}


AskedAttributes = Annotated[Mapping[str, str], Depends(_asked_attributes)]
