"""The preference page: one HTML document without assets or scripts, which a screen reader reads from top to bottom."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from customers.consents.preferences.words import WORDS, Words

_STYLE = """
body{font:1.125rem/1.5 system-ui,sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}
fieldset{border:1px solid #767676;border-radius:.5rem;margin:1rem 0;padding:1rem}
legend{font-weight:600;padding:0 .5rem}
label{display:block;padding:.5rem 0}
input{width:1.25rem;height:1.25rem;margin-right:.5rem;vertical-align:middle}
button{font:inherit;padding:.6rem 1.5rem;border:0;border-radius:.5rem;background:#0b5cad;color:#fff}
button:focus-visible,input:focus-visible{outline:3px solid #f2a900;outline-offset:2px}
.note{padding:1rem;border-left:.25rem solid #0b5cad;background:#eef5fc}
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS = {
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "x-robots-tag": "noindex",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """One box to tick.

    Attributes:
        purpose: its name.
        channel: through what.
        granted: whether it is ticked.
        pending: whether a confirmation is awaited.
    """

    purpose: str
    channel: str
    granted: bool
    pending: bool

    @property
    def name(self) -> str:
        """How the form calls it."""
        return f"{self.purpose}/{self.channel}"


@dataclass(frozen=True, slots=True)
class Section:
    """A purpose and its choices.

    Attributes:
        title: what for, in the page's language.
        text: what the customer agrees to.
        text_version: of that text.
        choices: by channel.
    """

    title: str
    text: str
    text_version: str | None
    choices: Sequence[Choice]


def render(language: str, sections: Sequence[Section], *, restricted: bool, saved: bool) -> str:
    """Return the page.

    Args:
        language: one of the page's languages.
        sections: what can be chosen.
        restricted: whether the processing of the customer's data is restricted.
        saved: whether his choices were saved just now.
    """
    words = WORDS[language]
    notes = [words.saved] * saved + [words.restricted] * restricted
    body = [f'<p class="note" role="status">{escape(note)}</p>' for note in notes]
    if sections:
        body += [f"<p>{escape(words.introduction)}</p>", '<form method="post" accept-charset="utf-8">']
        body += [_section(section, words, number) for number, section in enumerate(sections)]
        body += [f'<button type="submit">{escape(words.save)}</button>', "</form>"]
    else:
        body.append(f"<p>{escape(words.nothing)}</p>")
    return _document(language, words.title, "\n".join(body))


def render_invalid(language: str) -> str:
    """Return the page for a link that is not valid."""
    words = WORDS[language]
    return _document(language, words.title, f'<p role="alert">{escape(words.invalid)}</p>')


def _document(language: str, title: str, body: str) -> str:
    return f"""<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>{escape(title)}</h1>
{body}
</main>
</body>
</html>
"""


def _section(section: Section, words: Words, number: int) -> str:
    boxes = "\n".join(_box(choice, words, f"c{number}-{place}") for place, choice in enumerate(section.choices))
    text = f'<p id="t{number}">{escape(section.text)}</p>' if section.text else ""
    described = f' aria-describedby="t{number}"' if section.text else ""
    version = f'<input type="hidden" name="text:{escape(section.choices[0].purpose)}" value="{escape(section.text_version or "")}">'
    return f"<fieldset{described}>\n<legend>{escape(section.title)}</legend>\n{text}\n{version}\n{boxes}\n</fieldset>"


def _box(choice: Choice, words: Words, element: str) -> str:
    name = escape(choice.name)
    label = escape(words.channels.get(choice.channel, choice.channel))
    waits = f" ({escape(words.pending)})" if choice.pending else ""
    checked = " checked" if choice.granted or choice.pending else ""
    return (
        f'<input type="hidden" name="shown" value="{name}">'
        f'<label for="{element}"><input type="checkbox" id="{element}" name="granted" value="{name}"{checked}>{label}{waits}</label>'
    )
