"""Texts in several languages: which one a reader gets, and what is refused."""

import pytest
from pydantic import TypeAdapter, ValidationError

from loyalty.texts import LocalisedText, in_language

GOLD = {"en": "Gold", "ru": "Золото", "zh": "金卡"}
TEXT = TypeAdapter(LocalisedText)


@pytest.mark.parametrize(("wanted", "text"), [("ru", "Золото"), ("zh-Hant", "金卡"), ("lv", "Gold"), (None, "Gold"), ("de-AT", "Gold")])
def test_a_reader_gets_his_language_or_the_next_best(wanted: str | None, text: str) -> None:
    assert in_language(GOLD, wanted) == text


def test_a_text_without_the_four_languages_is_shown_as_it_is() -> None:
    assert in_language({"et": "Kuld"}, "lv") == "Kuld"


@pytest.mark.parametrize("texts", [{}, {"english": "Gold"}, {"en": ""}, {"en": "x" * 2001}, {f"a{chr(97 + i)}": "x" for i in range(21)}])
def test_texts_are_bounded(texts: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        TEXT.validate_python(texts)
