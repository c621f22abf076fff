from typing import Annotated, Literal

from fastapi import Path
from pydantic import Field, StringConstraints

from loyalty.texts import LocalisedText
from loyalty.tiers.schemas import TierCode
from shared.http.schemas import InputModel, Moment, OutputModel, ShortText

_NAME = {"en": "Early bird", "ru": "Ранняя пташка", "zh": "早起的鸟", "lv": "Agrais putns"}
BadgeCode = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$"), Field(description="Names the badge for ever.", examples=["early_bird"])
]
BadgeCodePath = Annotated[str, Path(description="The badge.", max_length=40, examples=["early_bird"])]
ImageUrl = Annotated[
    str, StringConstraints(pattern=r"^https?://[^\s]+$", max_length=2_000), Field(examples=["https://cdn.example.com/early-bird.png"])
]


class BadgeDraft(InputModel):
    """A badge to be made."""

    code: BadgeCode
    name: LocalisedText
    description: LocalisedText | None = None
    image_url: ImageUrl | None = Field(default=None, description="Its picture.")
    tier: TierCode | None = Field(default=None, description="Whoever reaches this tier gets it.", examples=["gold"])


class BadgePatch(InputModel):
    """What may be changed of a badge."""

    name: LocalisedText = Field(default={"en": "-"})
    description: LocalisedText | None = None
    image_url: ImageUrl | None = Field(default=None, description="Its picture.")
    tier: TierCode | None = Field(default=None, description="Whoever reaches this tier gets it.", examples=["gold"])


class Badge(OutputModel):
    """A badge."""

    code: str = Field(description="Its name for ever.", examples=["early_bird"])
    name: dict[str, str] = Field(description="A text by language tag.", examples=[_NAME])
    description: dict[str, str] | None = Field(description="What it is for.", examples=[None])
    image_url: str | None = Field(description="Its picture.", examples=["https://cdn.example.com/early-bird.png"])
    tier: str | None = Field(description="Whoever reaches this tier gets it.", examples=[None])
    created_at: Moment = Field(description="When it was made.", examples=["2026-03-01T12:00:00Z"])


class BadgeGift(InputModel):
    """A badge that somebody gives a member."""

    badge: BadgeCode
    reason: ShortText = Field(description="Why.", examples=["Helped others in the forum"])


class MemberBadge(OutputModel):
    """A badge that a member has."""

    id: str = Field(description="The award, `bdg_…`.", examples=["bdg_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    badge: str = Field(description="Its code.", examples=["early_bird"])
    name: dict[str, str] = Field(description="A text by language tag.", examples=[_NAME])
    title: str = Field(description="The same in the language asked for.", examples=["Early bird"])
    image_url: str | None = Field(description="Its picture.", examples=[None])
    source: Literal["challenge", "tier", "hand"] = Field(description="What gave it.", examples=["challenge"])
    awarded_at: Moment = Field(description="When.", examples=["2026-03-10T12:00:00Z"])
