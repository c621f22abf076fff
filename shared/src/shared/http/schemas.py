"""The bases of all models of requests and answers."""

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

# Longer texts than this need a field that says so.
MAX_TEXT = 20_000
_MAX_BIGINT = 2**63 - 1

ShortText = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
LongText = Annotated[str, StringConstraints(min_length=1, max_length=10_000)]
ExternalId = Annotated[
    str, StringConstraints(min_length=1, max_length=200), Field(description="The caller's own identifier.", examples=["C-10042"])
]
# What a bigint column holds.
BigInteger = Annotated[int, Field(ge=-_MAX_BIGINT - 1, le=_MAX_BIGINT)]
# Input: any offset, but there must be one. Output: RFC 3339, with Z when the value is in UTC.
Moment = AwareDatetime


class InputModel(BaseModel):
    """What a caller sends: nothing beyond the described fields, and no endless text.

    Text with U+0000 is refused by the route before the model sees it, and in batches per item.
    """

    model_config = ConfigDict(extra="forbid", str_max_length=MAX_TEXT, allow_inf_nan=False, regex_engine="rust-regex")


class OutputModel(BaseModel):
    """What we answer; made from our own values, so also from attributes."""

    model_config = ConfigDict(from_attributes=True)
