"""Texts that people read, in the languages that the product speaks."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

# Tried one after the other when a text lacks the language that was asked for.
LANGUAGES = ("en", "ru", "zh", "lv")
_MAX_LANGUAGES = 20

_Tag = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})?$")]
_Text = Annotated[str, StringConstraints(min_length=1, max_length=2_000)]


def _some(texts: dict[str, str]) -> dict[str, str]:
    if not texts:
        raise ValueError("a text in at least one language is needed")
    return texts


LocalisedText = Annotated[
    dict[_Tag, _Text],
    AfterValidator(_some),
    Field(
        max_length=_MAX_LANGUAGES,
        description="A text by language tag; at least one.",
        examples=[{"en": "Gold", "ru": "Золото", "zh": "金卡", "lv": "Zelts"}],
    ),
]


def in_language(texts: Mapping[str, str], wanted: str | None) -> str:
    """Return the text in a language, else in its main language, else in the first there is of `LANGUAGES`, else any.

    Args:
        texts: a text by language tag, at least one.
        wanted: a language tag such as `lv` or `zh-Hant`; None for no wish.
    """
    for tag in (*((wanted, wanted.partition("-")[0]) if wanted else ()), *LANGUAGES):
        if tag in texts:
            return texts[tag]
    return next(iter(texts.values()))
