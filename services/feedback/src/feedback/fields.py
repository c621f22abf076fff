"""The vocabulary of the service's interface: fields that are more than a text or a number."""

from typing import Annotated

from fastapi import Path
from pydantic import Field, StringConstraints

from shared.ids import id_pattern

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
