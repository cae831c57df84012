"""Web pages: the main text without menus and advertisements, with what the page says of itself. The home of trafilatura."""

from __future__ import annotations

import logging

import trafilatura
from lxml import etree

from rag.errors import ReadError
from rag.records import Document
from rag.sources.decoding.text import canonical, find_date, iso_date, name_as_title
from rag.sources.decoding.xhtml import parsed, square, text_of

# How trafilatura names what it keeps → HTML.
_NAMES = {"list": "ul", "item": "li", "quote": "blockquote", "row": "tr", "lb": "br", "ref": "a", "hi": "b", "code": "pre"}
_AROUND = ("nav", "aside", "footer")
_LITTLE_BESIDE = 1.25  # a page that is no longer than this many times its main text is nothing but text

logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # it reports broken pages by itself; the reader does


def read(data: bytes, name: str) -> Document:
    """Reads a web page.

    Raises:
        ReadError: It holds no text.
    """
    try:
        root = parsed(data)
        square(root)
        whole = text_of(root, without=_AROUND)
        page = trafilatura.bare_extraction(root, include_comments=False, include_tables=True, with_metadata=True)
        text = text_of(_as_html(page.body)) if page is not None and page.body is not None else ""
        if len(whole) < _LITTLE_BESIDE * len(text) or not text:  # no menus that could be told from the text
            text = whole
    except ReadError:
        raise
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


def _as_html(body: etree._Element) -> etree._Element:
    """The main text that trafilatura found, as HTML again."""
    for element in body.iter(etree.Element):
        if element.tag == "head":
            element.tag = element.get("rend", "h2")
        elif element.tag == "cell":
            element.tag = "th" if element.get("role") == "head" else "td"
        else:
            element.tag = _NAMES.get(element.tag, element.tag)
    return body
