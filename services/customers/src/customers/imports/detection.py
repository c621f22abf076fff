"""What a file is: its encoding and its delimiter, from its first bytes.

Spreadsheets say neither. A file that is valid UTF-8 is taken for UTF-8; otherwise the bytes beyond ASCII tell: Chinese comes in pairs of
frequent characters, Russian in whole words, Latvian in single letters between Latin ones.
"""

import codecs
import re
from collections import Counter
from typing import Literal

Encoding = Literal["utf-8", "utf-16", "cp1251", "cp1252", "cp1257", "gb18030"]
Delimiter = Literal[",", ";", "\t", "|"]
DELIMITERS: tuple[Delimiter, ...] = (",", ";", "\t", "|")

_UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_HIGH = re.compile(rb"[\x80-\xff]+")
# Pairs of GB 2312: the 3,755 frequent characters have a first byte up to D7, Chinese punctuation A1 to A9.
_PAIR = re.compile(rb"[\x81-\xfe][\x40-\x7e\x80-\xfe]")
_FREQUENT = re.compile(rb"[\xa1-\xa9\xb0-\xd7][\xa1-\xfe]")
_MIN_FREQUENT = 0.8
# Bytes that are frequent letters on one page and rare ones on the other: ā ī š ž ņ ū, and à é è ê ü ö ä ß á ó ñ.
_LATVIAN = bytes.fromhex("e2c2eecef0d0fedef2d2fbdb")
_WESTERN = bytes.fromhex("e0e9c9e8eafcdcf6d6e4c4dfe1f3f1")
_SAMPLE_LINES = 20
_QUOTED = re.compile(r'"[^"]*"')


def detect_encoding(sample: bytes, *, whole: bool) -> Encoding:
    """Return the encoding of a file.

    Args:
        sample: its beginning.
        whole: whether the sample is all of it; otherwise its last character may be cut.
    """
    if sample.startswith(_UTF_16_MARKS):
        return "utf-16"
    if _is_utf_8(sample, whole=whole):
        return "utf-8"
    if _looks_chinese(sample):
        return "gb18030"
    runs = [len(run) for run in _HIGH.findall(sample)]
    in_words = sum(length for length in runs if length > 2)
    if in_words * 2 > sum(runs):
        return "cp1251"
    counts = Counter(sample)
    return "cp1257" if sum(counts[byte] for byte in _LATVIAN) >= sum(counts[byte] for byte in _WESTERN) else "cp1252"


def detect_delimiter(text: str) -> Delimiter:
    """Return what separates the cells: the mark that most of the first lines hold equally often, and the oftener the better."""
    lines = [_QUOTED.sub("", line) for line in text.splitlines()[:_SAMPLE_LINES] if line.strip()]
    if not lines:
        return ","

    def rank(mark: str) -> tuple[bool, float, int]:
        counts = [line.count(mark) for line in lines]
        alike = sum(count == counts[0] for count in counts) / len(counts)
        return (counts[0] > 0, alike, counts[0])

    return max(DELIMITERS, key=rank)


def _is_utf_8(sample: bytes, *, whole: bool) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample, final=whole)
    except UnicodeDecodeError:
        return False
    return True


def _looks_chinese(sample: bytes) -> bool:
    pairs = _PAIR.findall(sample)
    frequent = sum(1 for pair in pairs if _FREQUENT.match(pair))
    return bool(pairs) and frequent >= _MIN_FREQUENT * len(pairs)
