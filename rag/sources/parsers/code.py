"""Parses source code, LaTeX and reStructuredText. Keeps the text unchanged, and adds anchors for lines or sections."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rag.records import Anchor, Block, Document
from rag.sources.decoding.text import canonical, decode, find_author, find_date, name_as_title
from rag.text.written_dates import first_date

_SETTINGS = (".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf", ".properties", ".env")
_ANCHOR_EVERY = 500  # lines between anchors; other line numbers are found by counting from the nearest anchor above
_TEX_SECTION = re.compile(
    r"^[ \t]*\\(?:part|chapter|section|subsection|subsubsection)\*?\s*(?:\[[^\]\n]*\])?\{(.+?)\}\s*(?:\\label.*)?$",
    re.MULTILINE,
)
_TEX_FIELD = r"\\{}(?:\[[^\]]{{0,300}}+\])?\{{((?:[^{{}}]++|\{{[^{{}}]*+\}}){{0,100}}+)\}}"
_TEX_COMMAND = re.compile(r"\\[A-Za-z]+\*?|[{}~\\]")
_TEX_ASIDE = re.compile(r"\\(?:inst|orcidID|orcid|thanks|footnote|footnotemark|email|fnm|textsuperscript)\*?\{[^{}]*\}")
_UNDERLINE = re.compile(r"^ ?(?P<title>\S.*)\n(?P<line>([!-/:-@\[-`{-~])\3{2,})[ \t]*$", re.MULTILINE)
_RST_FIELD = re.compile(r"^:([A-Za-z]+):[ \t]+(.+)$", re.MULTILINE)


def parse(data: bytes, name: str) -> Document:
    """Parses source code.

    Raises:
        ReadError: The bytes are not text.
    """
    text = canonical(decode(data))
    anchors, at = [], 0
    for number, line in enumerate(text.split("\n"), start=1):
        if number % _ANCHOR_EVERY == 1:
            anchors.append(Anchor(at, counts="line", first=number))
        at += len(line) + 1
    words = text.strip()
    at = text.find(words) if words else 0
    is_settings = name.lower().endswith(_SETTINGS)  # whose blocks are labelled values
    blocks = () if is_settings or not words else (Block("code", at, at + len(words)),)
    return Document(text, name.rpartition("/")[2], anchors=tuple(anchors), media_type="text/x-source", blocks=blocks)


def parse_tex(data: bytes, name: str) -> Document:
    """Parses LaTeX; the document's text is the LaTeX source.

    Raises:
        ReadError: The bytes are not text.
    """
    text = canonical(decode(data))
    title, author, date = (_plain(_TEX_ASIDE.sub("", _field(text, key))) for key in ("title", "author", "date"))
    sections = ((found.start(), _plain(found.group(1))) for found in _TEX_SECTION.finditer(text))
    return Document(
        text,
        title=title or name_as_title(name),
        author=author,
        date=first_date(date),
        anchors=_section_anchors(sections),
        media_type="text/x-tex",
    )


def parse_rst(data: bytes, name: str) -> Document:
    """Parses reStructuredText; the document's text is the reStructuredText source.

    Raises:
        ReadError: The bytes are not text.
    """
    text = canonical(decode(data))
    titles = [
        (found.start(), found["title"].strip())
        for found in _UNDERLINE.finditer(text)
        if len(found["line"]) >= len(found["title"].rstrip()) - 1
    ]
    fields = {key.lower(): value.strip() for key, value in _RST_FIELD.findall(text[:1500])}
    title = titles[0][1] if titles else name_as_title(name)
    author, date = fields.get("author", "") or find_author(text[:1500]), first_date(fields.get("date", ""))
    return Document(
        text,
        title=title,
        author=author,
        date=date or find_date(text[:1500]),
        anchors=_section_anchors(iter(titles)),
        media_type="text/x-rst",
    )


def _section_anchors(sections: Iterator[tuple[int, str]]) -> tuple[Anchor, ...]:
    return tuple(Anchor(start, f"§ {title}") for start, title in sections if title)


def _field(text: str, name: str) -> str:
    found = re.search(_TEX_FIELD.format(name), text)
    return found.group(1) if found else ""


def _plain(words: str) -> str:
    return " ".join(_TEX_COMMAND.sub(" ", words).split())[:200]
