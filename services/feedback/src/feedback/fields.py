"""The vocabulary of the service's interface: fields that are more than a text or a number."""

from datetime import UTC, date, datetime
from typing import Annotated, Any

from fastapi import Path
from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from shared.ids import id_pattern

_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def _only_dated_text(value: Any) -> Any:
    # pydantic would take numbers, and texts of digits, for Unix time.
    if isinstance(value, date):
        return value
    if not isinstance(value, str) or value[4:5] != "-":
        raise PydanticCustomError("moment_invalid", "Write dates and moments as RFC 3339 does.")
    return value


def _in_utc(moment: datetime) -> datetime:
    # Beyond these years some moments have no equal in UTC that Python can hold.
    if not _EARLIEST <= moment < _LATEST:
        raise PydanticCustomError("moment_out_of_range", "Moments lie between the years 1970 and 2200.")
    return moment.astimezone(UTC)


MomentInput = Annotated[AwareDatetime, BeforeValidator(_only_dated_text), AfterValidator(_in_utc)]
DayInput = Annotated[date, BeforeValidator(_only_dated_text)]
CustomerIdInput = Annotated[str, Field(pattern=id_pattern("cus"), description="The customer.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])]
# Wider than the ids that we make: an unknown id is not found, whatever it looks like.
ResponseIdInPath = Annotated[
    str, Path(pattern="^[A-Za-z0-9_-]{1,64}$", description="The response.", examples=["rsp_01jd3z0k7cz9v8w6t5s4r3q2p1"])
]
Channel = Annotated[
    str,
    StringConstraints(min_length=1, max_length=60),
    Field(description="Where it was asked, such as email, app or shop.", examples=["email"]),
]
