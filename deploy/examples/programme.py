"""A programme as a file: the requests that set it up."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx2

# Made by the first migration.
_DEFAULT_PROGRAMME = "prg_00000000000000000000000001"


class Programme(NamedTuple):
    """What a file says: the programme's name, where it is from, and the requests in their order."""

    name: str
    about: str
    requests: list[dict[str, Any]]


def read_programme(path: Path) -> Programme:
    """Return the programme of a file."""
    told = json.loads(path.read_text())
    return Programme(told["name"], told["about"], told["requests"])


async def apply(client: httpx2.AsyncClient, programme: Programme, since: datetime | None = None) -> None:
    """Send the requests of a programme to a loyalty service.

    Args:
        client: with its address and a key that may manage loyalty.
        programme: what to set up.
        since: from when on tiers, expiry and values count; from now on when None.

    Raises:
        RuntimeError: the service refuses one of them; it says why.
    """
    for wanted in programme.requests:
        path = wanted["path"].format(programme=_DEFAULT_PROGRAMME)
        body = wanted["body"] | ({"effective_from": since.isoformat()} if wanted.get("dated") and since else {})
        headers = {"if-match": (await client.get(path)).headers["etag"]} if wanted.get("match") else {}
        if wanted["method"] == "PATCH":
            headers["content-type"] = "application/merge-patch+json"
        answer = await client.request(wanted["method"], path, json=body, headers=headers)
        if not answer.is_success:
            raise RuntimeError(f"{wanted['method']} {path}: {answer.text}")
