"""The stand-alone pages hold no markup but their own."""

from __future__ import annotations

import html
import re

import pytest

from rag.records import Document
from rag.server.page.views import static_pages

from .samples import HOSTILE


@pytest.mark.parametrize("text", HOSTILE)
def test_a_whole_document_is_only_text(text: str) -> None:
    """Whatever the document holds, and whatever its name is."""
    page = static_pages.document_page(Document(f"say {text} cat", text, text, text, source=text), [(4, 8)])
    body = page.split("<body>")[1]
    title = re.search(r"<title>(.*?)</title>", page, re.DOTALL).group(1)

    assert set(re.findall(r"<\s*/?\s*([a-z0-9]+)", body)) <= {"main", "h1", "p", "div", "mark", "br", "body", "html"}
    assert html.unescape(title) == text.replace("\u202e", "").replace("\u202c", "")


def test_spans_are_marked_once() -> None:
    """The first mark is the link's target; overlaps and offsets beyond the text are tolerated."""
    document = Document("the black cat", "Cats", source="a.txt")
    assert '<mark id="marked">black</mark> cat' in static_pages.document_page(document, [(4, 9)])
    page = static_pages.document_page(document, [(4, 9), (6, 99)])
    assert '<mark id="marked">black</mark><mark> cat</mark></div>' in page


def test_forms_escape_what_they_show() -> None:
    """The problem of a login and the user's name."""
    assert "<strong>&lt;b&gt;</strong>" in static_pages.login_page("<b>")
    assert "role=" not in static_pages.login_page()
    assert "logged in as &lt;b&gt;." in static_pages.logout_page("<b>")
