"""Parses Markdown. Keeps the markup, and takes the title, author and date from the front matter or the text."""

from __future__ import annotations

import re

from rag.records import Document
from rag.sources.decoding.text import canonical, decode, find_author, find_date, name_as_title
from rag.text.markdown import heading
from rag.text.written_dates import first_date

_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n(?:---|\.\.\.)(?:\n|\Z)", re.DOTALL)
_FIELD = re.compile(r"^([A-Za-z][\w -]{0,40}):[ \t]+(.+)$", re.MULTILINE)
_FIRST_HEADING = re.compile(r"^#[ \t].*", re.MULTILINE)
_EDGE = 1500


def parse(data: bytes, name: str) -> Document:
    """Parses Markdown.

    Raises:
        ReadError: The bytes are not text.
    """
    text = canonical(decode(data))
    matter = _FRONT_MATTER.match(text)
    fields = {key.strip().lower(): value.strip(" \"'") for key, value in _FIELD.findall(matter.group(1) if matter else "")}
    line = _FIRST_HEADING.search(text)
    level_and_words = heading(line.group()) if line else None
    title = fields.pop("title", "") or (level_and_words[1] if level_and_words else "") or name_as_title(name)
    author = fields.pop("author", "") or find_author(text[:_EDGE])
    date = first_date(fields.pop("date", "")) or find_date(text[:_EDGE] + "\n" + text[-_EDGE:])
    return Document(text, title=title, author=author, date=date, media_type="text/markdown", metadata=fields)
