"""Strong entity tags: nobody overwrites what he has not seen, and nobody reads again what he has.

What can be changed is tagged with its version by its route, everything else that is read with what it says, by the edge.

Source: RFC 9110 sections 8.8.3, 13.1.1 and 13.1.2; RFC 6585 section 3.
"""

import re
from hashlib import sha256
from typing import Annotated

from fastapi import Depends, Header
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from shared.errors import PreconditionFailed, PreconditionRequired
from shared.http.errors import InvalidIfMatch

_ETAG = re.compile(r'^"([1-9][0-9]{0,17})(-[\x21\x23-\x7e]*)?"$')
# Any entity tag, ours or not (RFC 9110 section 8.8.3, without the bytes beyond ASCII).
ETAG_PATTERN = r'^(W/)?"[\x21\x23-\x7e]*"$'
_ANY_ETAG = re.compile(ETAG_PATTERN)
_CONTENT_TAG_DIGITS = 24
_CONTENT_HEADERS = {b"content-length", b"content-type"}


def etag(version: int) -> str:
    """Return the strong entity tag of a version."""
    return f'"{version}"'


def set_etag(response: Response, version: int, *shown: object) -> None:
    """Tell the caller which version he got.

    Args:
        response: that carries it.
        version: of what he got; he changes it by naming the tag.
        shown: what else the answer shows that can change while the version stays.
    """
    response.headers["etag"] = f'"{"-".join(map(str, (version, *shown)))}"'


def set_content_etag(response: Response, content: BaseModel) -> None:
    """Tag an answer by a part of it, where the rest, such as the moment at which it was asked, shall not count."""
    response.headers["etag"] = _tag_of(content.model_dump_json().encode())


def _tag_of(content: bytes) -> str:
    return f'"{sha256(content).hexdigest()[:_CONTENT_TAG_DIGITS]}"'


def if_match(request: Request) -> int:
    """Return the version that the caller wants to change.

    Raises:
        PreconditionRequired: there is no If-Match, or it names no version (`*`).
        PreconditionFailed: it is a tag, but not one of ours.
        InvalidIfMatch: it is no tag.
    """
    return _version_of(request.headers.get("if-match"))


def check_version(expected: int, present: int) -> None:
    """Refuse a change of a version that is not the present one.

    Raises:
        PreconditionFailed: with the present tag.
    """
    if expected != present:
        raise PreconditionFailed(current_etag=etag(present))


async def if_match_header(
    if_match: Annotated[str | None, Header(description="The ETag of the version that is changed.", examples=['"3"'])] = None,
) -> int:
    """Return the version in If-Match; see `if_match`."""
    return _version_of(if_match)


# The version in If-Match, as a parameter that the OpenAPI document shows.
IfMatch = Annotated[int, Depends(if_match_header)]


def _version_of(header: str | None) -> int:
    if header is None or header.strip() == "*":
        raise PreconditionRequired
    matched = _ETAG.match(header.strip())
    if matched is None:
        raise PreconditionFailed if _ANY_ETAG.match(header.strip()) else InvalidIfMatch(pointer="/if-match", location="header")
    return int(matched[1])


def answer_not_modified(request: Request, response: Response) -> Response:
    """Tag what was read, and return 304 without a body when the caller has it already; what is streamed, or changed, has no tag of ours."""
    content = getattr(response, "body", None)
    if content is None or request.method != "GET" or response.status_code != 200:
        return response
    present = response.headers.get("etag")
    if present is None:
        present = response.headers["etag"] = _tag_of(content)
    wanted = request.headers.get("if-none-match")
    if wanted is None or present not in {tag.strip().removeprefix("W/") for tag in wanted.split(",")}:
        return response
    unchanged = Response(status_code=304)
    unchanged.raw_headers = [pair for pair in response.raw_headers if pair[0] not in _CONTENT_HEADERS]
    return unchanged
