"""Web pages: the main text without menus and advertisements, with what the page says of itself. The home of trafilatura."""

from __future__ import annotations

import logging

import trafilatura

from rag.errors import ReadError
from rag.read.text import canonical, find_date, iso_date, name_as_title
from rag.records import Document

logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # it reports broken pages by itself; the reader does


def read(data: bytes, name: str) -> Document:
    """Reads a web page.

    Raises:
        ReadError: It holds no text.
    """
    try:
        page = trafilatura.bare_extraction(data, include_comments=False, include_tables=True, with_metadata=True)
        text = page.text if page is not None and page.text else trafilatura.html2txt(data)
    except Exception as error:  # broken pages fail in many ways inside lxml
        raise ReadError(f"the page cannot be parsed ({type(error).__name__})", "save it again from a browser") from error
    text = canonical(text or "").strip()
    if page is None:
        return Document(text, name_as_title(name), date=find_date(text), media_type="text/html")
    about = {key: value for key in ("sitename", "url", "language") if (value := getattr(page, key, None))}
    return Document(
        text,
        title=canonical(page.title or "") or name_as_title(name),
        author=canonical(page.author or ""),
        date=iso_date(page.date or "") or find_date(text),
        media_type="text/html",
        metadata=about,
    )
