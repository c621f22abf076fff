"""The bases of all models of requests and answers."""

from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

# Longer texts than this need a field that says so.
MAX_TEXT = 20_000
_MAX_BIGINT = 2**63 - 1
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def _only_dated_text(value: Any) -> Any:
    # pydantic would take numbers, and texts of digits, for Unix time.
    if isinstance(value, str) and value[4:5] != "-":
        raise PydanticCustomError("date_invalid", "Write dates and moments as RFC 3339 does.")
    if not isinstance(value, (str, date)):
        raise PydanticCustomError("date_type", "Write dates and moments as text.")
    return value


def _in_utc(moment: datetime) -> datetime:
    # Beyond some years a moment has no equal in UTC that Python can hold.
    if not _EARLIEST <= moment < _LATEST:
        raise PydanticCustomError("moment_out_of_range", "Moments lie between the years 1970 and 2200.")
    return moment.astimezone(UTC)


ShortText = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
LongText = Annotated[str, StringConstraints(min_length=1, max_length=10_000)]
ExternalId = Annotated[
    str, StringConstraints(min_length=1, max_length=200), Field(description="The caller's own identifier.", examples=["C-10042"])
]
# What a bigint column holds.
BigInteger = Annotated[int, Field(ge=-_MAX_BIGINT - 1, le=_MAX_BIGINT)]
# Answers: RFC 3339, with Z when the value is in UTC.
Moment = AwareDatetime
# What a caller sends: text as RFC 3339 has it, with any offset, but there must be one; becomes UTC.
MomentInput = Annotated[AwareDatetime, BeforeValidator(_only_dated_text), AfterValidator(_in_utc)]
DateInput = Annotated[date, BeforeValidator(_only_dated_text)]


class InputModel(BaseModel):
    """What a caller sends: nothing beyond the described fields, and no endless text.

    Text with U+0000 is refused by the route before the model sees it, and in batches per item.
    """

    model_config = ConfigDict(extra="forbid", str_max_length=MAX_TEXT, allow_inf_nan=False, regex_engine="rust-regex")


class OutputModel(BaseModel):
    """What we answer; made from our own values, so also from attributes."""

    model_config = ConfigDict(from_attributes=True)
