"""Decodes bytes in any encoding to canonical text, and finds a text's author, date and title.

This is the only module that imports chardet.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from functools import lru_cache
from pathlib import PurePosixPath

import chardet
from chardet import EncodingEra

from rag.errors import ReadError
from rag.text.unicode_text import ASCII_CONTROLS
from rag.text.written_dates import first_date

_BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe\x00\x00", "utf-32"), (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"),
)  # fmt: skip
_VALID_PER_INVALID = 10  # text counts as UTF-8 if it has at least this many valid non-ASCII characters per invalid one
# Source: WHATWG Encoding Standard, section 4.2, in Python's spelling. Other codecs of Python, such as punycode, are slow.
_WEB_ENCODINGS = frozenset(
    """ascii iso8859-1 iso8859-2 iso8859-3 iso8859-4 iso8859-5 iso8859-6 iso8859-7 iso8859-8 iso8859-9 iso8859-10 iso8859-11
    iso8859-13 iso8859-14 iso8859-15 iso8859-16 cp866 cp874 cp1250 cp1251 cp1252 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258
    koi8-r koi8-u mac-roman mac-cyrillic gbk gb2312 gb18030 big5 big5hkscs euc_jp iso2022_jp shift_jis cp932 euc_kr cp949
    utf-16 utf-16-le utf-16-be tis-620""".split()
)
_GUESS_BYTES = 64_000  # number of bytes that are examined to detect an encoding; examining more would be slow
_ERAS = EncodingEra.ALL & ~EncodingEra.MAINFRAME  # files from mainframes are rare, and any bytes may look like one
# An encoding that fits the examined bytes may not fit the others. Source: WHATWG Encoding Standard, section 4.2.
_SUPERSETS = {
    "ascii": "cp1252", "iso-8859-1": "cp1252", "iso-8859-9": "cp1254", "tis-620": "cp874", "iso-8859-11": "cp874",
    "gb2312": "gb18030", "gbk": "gb18030", "euc-kr": "cp949", "shift_jis": "cp932",
}  # fmt: skip
_WIDE = ("utf-16", "utf-32")  # encodings of which every second byte, or more, may be zero
_NOT_IN_TEXT = ASCII_CONTROLS - set("\t\n\r\f\x1b") | {"\ufffd"}
_MAX_CONTROLS = 0.02  # a file with a larger share of control characters is not text

_MAX_MARKS = 30
_JOINER = "\u034f"

_DATE_LINE = re.compile(
    r"^[^\w\n]{0,20}(?:(?:first\s+)?published|posted|date|dated|updated|last\s+updated|filed)\b(?:\s+(?:on|at))?\W{0,3}(.{6,40})$",
    re.IGNORECASE | re.MULTILINE,
)
_AUTHOR_LINE = re.compile(
    r"^\W{0,3}(?:by|author:|written by)\s+([^\W\d_][^\n\[\]{}<>|]{2,60})$", re.IGNORECASE | re.MULTILINE
)
EDGE = 1500  # code points at each end of a text that are searched for a date and an author


def canonical(text: str) -> str:
    """Returns the canonical text, to which all offsets refer: in Unicode NFC, with line feeds as the only line ends."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if unicodedata.is_normalized("NFC", text):
        return text
    return unicodedata.normalize("NFC", _long_marks().sub(_parted, text))


@lru_cache(maxsize=1)
def _long_marks() -> re.Pattern[str]:
    """Returns the pattern of combining marks that follow one another in a number that no language uses.

    The time to put such marks in order is quadratic in their number.
    """
    marks = "".join(c for c in map(chr, range(0x300, 0x1F000)) if unicodedata.combining(c))
    return re.compile(f"[{marks}]{{{_MAX_MARKS + 1},}}+")


def _parted(found: re.Match[str]) -> str:
    """Puts a grapheme joiner, which is invisible, after every 30 marks. Source: UAX #15, Stream-Safe Text Format."""
    marks = found.group()
    return _JOINER.join(marks[at : at + _MAX_MARKS] for at in range(0, len(marks), _MAX_MARKS))


def decode(data: bytes) -> str:
    """Decodes text in an unknown encoding.

    Raises:
        ReadError: The bytes are not text.
    """
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return _checked(data.decode(encoding, errors="replace"))
    if b"\0" in data[:_GUESS_BYTES] and (wide := _guess(data)) and wide.lower().startswith(_WIDE):
        return _checked(data.decode(wide, errors="replace"))
    try:
        return _checked(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        around = max(0, error.start - _GUESS_BYTES // 2)
    lenient = data.decode("utf-8", errors="replace")
    bad = lenient.count("\ufffd")
    if bad * _VALID_PER_INVALID <= sum(c > "\x7f" for c in lenient) - bad:  # the text is UTF-8 with a few invalid bytes
        return _checked(lenient)
    guess = _guess(data[around : around + _GUESS_BYTES])
    if guess is None:
        raise ReadError("it is not text in any known encoding", "if it is a text file, save it as UTF-8")
    return _checked(data.decode(guess, errors="replace"))


def _guess(data: bytes) -> str | None:
    """Returns the most likely encoding; None if the bytes are not text.

    chardet's own supersets are not used, because it takes Windows-1251 for a superset of ISO 8859-5.
    """
    name = chardet.detect(data[:_GUESS_BYTES], encoding_era=_ERAS)["encoding"]
    return name and _SUPERSETS.get(name.lower(), name)


def in_utf8(data: bytes, charset: str) -> bytes:
    """Converts text from the encoding that a web server declared to UTF-8.

    Returns the data unchanged if the declared encoding is unknown, is not one that browsers accept, or does not fit.
    """
    try:
        name = codecs.lookup(charset).name if charset else "utf-8"
        return data if name == "utf-8" or name not in _WEB_ENCODINGS else data.decode(name).encode("utf-8", "replace")
    except (LookupError, ValueError):  # a ValueError also if the name contains a null character
        return data


def _checked(text: str) -> str:
    sample = text[:_GUESS_BYTES]
    controls = sum(c in _NOT_IN_TEXT for c in sample)
    if controls > max(4, _MAX_CONTROLS * len(sample)):
        raise ReadError("it is not text (too many control characters)", "if it is a text file, save it as UTF-8")
    return text


def find_date(text: str) -> str:
    """Returns the date, in ISO 8601 format, from a line such as "Published on June 13, 2025"; empty if there is none.

    Example:
        >>> find_date("Published on June 13, 2025")
        '2025-06-13'
    """
    for line in _DATE_LINE.finditer(text):
        if found := first_date(line.group(1)):
            return found
    return ""


def find_author(text: str) -> str:
    """Returns the author's name from a byline that is on its own line; empty if there is none."""
    match = _AUTHOR_LINE.search(text)
    if not match or match.group(1).rstrip().endswith((".", ":", ",")):
        return ""
    return match.group(1).strip()


def name_as_title(name: str) -> str:
    """Makes a title from a file name.

    Example:
        >>> name_as_title("notes/rare-earth_talks.txt")
        'Rare earth talks'
    """
    stem = re.sub(r"[-_\s]+", " ", PurePosixPath(name).stem).strip()
    return stem[:1].upper() + stem[1:]
