"""Extracts a web page's metadata, and its text without menus or advertisements. Only this module imports trafilatura."""

from __future__ import annotations

import logging

import trafilatura
from lxml import etree

from rag.errors import ReadError
from rag.records import Document
from rag.sources.decoding.text import canonical, find_date, name_as_title
from rag.sources.decoding.xhtml import html_tree, simplify_tables, text_of
from rag.text.dates import iso_date

# Maps trafilatura's element names to HTML element names.
_NAMES = {"list": "ul", "item": "li", "quote": "blockquote", "row": "tr", "lb": "br", "ref": "a", "hi": "b", "code": "pre"}
_NOT_MAIN = ("nav", "aside", "footer")
_MOSTLY_MAIN = 1.25  # if a whole page is less than this many times as long as its main text, it has hardly any menus

logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # this parser reports broken pages, so logs are not needed


def parse(data: bytes, name: str) -> Document:
    """Parses a web page.

    Raises:
        ReadError: The page has no text.
    """
    try:
        root = html_tree(data)
        simplify_tables(root)
        whole = text_of(root, without=_NOT_MAIN)
        page = trafilatura.bare_extraction(root, include_comments=False, include_tables=True, with_metadata=True)
        text = text_of(_as_html(page.body)) if page is not None and page.body is not None else ""
        if len(whole) < _MOSTLY_MAIN * len(text) or not text:
            text = whole
    except ReadError:
        raise
    except Exception as error:  # lxml raises many kinds of errors on broken pages
        raise ReadError(
            f"the web page cannot be parsed ({type(error).__name__})", "open it in a browser and save it again"
        ) from error
    text = canonical(text or "").strip()
    if page is None:
        return Document(text, name_as_title(name), date=find_date(text), media_type="text/html")
    metadata = {key: value for key in ("sitename", "url", "language") if (value := getattr(page, key, None))}
    return Document(
        text,
        title=canonical(page.title or "") or name_as_title(name),
        author=canonical(page.author or ""),
        date=iso_date(page.date or "") or find_date(text),
        media_type="text/html",
        metadata=metadata,
    )


def _as_html(body: etree._Element) -> etree._Element:
    """Converts the main text from trafilatura's elements back to HTML, in place."""
    for element in body.iter(etree.Element):
        if element.tag == "head":
            element.tag = element.get("rend", "h2")
        elif element.tag == "cell":
            element.tag = "th" if element.get("role") == "head" else "td"
        elif element.tag == "list" and element.get("rend") == "ol":
            element.tag = "ol"
        else:
            element.tag = _NAMES.get(element.tag, element.tag)
    return body
