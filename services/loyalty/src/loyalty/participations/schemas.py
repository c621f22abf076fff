from pydantic import Field

from shared.http.schemas import Moment, OutputModel


class Participation(OutputModel):
    """What a member has in a programme that was published."""

    programme_id: str = Field(description="The programme.", examples=["prg_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    name: str = Field(description="What people call it.", examples=["Tea club"])
    title: dict[str, str] | None = Field(description="What members see, by language.", examples=[{"en": "Tea club", "lv": "Tējas klubs"}])
    starts_at: Moment | None = Field(description="It runs from then on; since ever when null.", examples=["2026-03-10T00:00:00Z"])
    ends_at: Moment | None = Field(description="Until then; for ever when null.", examples=[None])
    takes_part: bool = Field(description="False once he left it, until he comes back.", examples=[True])
    balance: int = Field(description="Points that can be spent at this moment.", examples=[117])
    lifetime: int = Field(description="Points earned so far, less those taken back.", examples=[240])
    pending: int = Field(description="Points that are not available yet.", examples=[0])
    held: int = Field(description="Points that are set aside.", examples=[0])
