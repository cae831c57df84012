"""The source panel highlights exactly the cited characters."""

from __future__ import annotations

import re

import pytest

from rag.answering.verification.citation_trace import CitationTrace
from rag.records import Document
from rag.server.page.views import source_view

from .samples import HOSTILE, assert_only_page_markup, citation, hit


@pytest.mark.parametrize("text", HOSTILE)
def test_untrusted_text_becomes_no_markup(text: str) -> None:
    """In documents, citations, hits and locators."""
    document = Document(f"say black {text} cat", text, text, text, source=text)
    cited = citation(title=text, source=text, quote=text)
    highlights = [source_view.citation_highlight(1, cited), source_view.passage_highlight(1, 1, hit(text=text))]

    assert_only_page_markup(source_view.document_markup(document, 1, highlights, text))
    assert_only_page_markup(source_view.changed_citation_markup(1, cited, CitationTrace("changed", now=text)))


def test_the_mark_holds_the_quotation() -> None:
    """The marked characters are the cited ones; the link opens the whole document at them."""
    document = Document("the black cat", "Cats", source="a.txt")
    markup = source_view.document_markup(document, 7, [source_view.citation_highlight(2, citation())])

    assert re.search(r'the <mark id="c2-1" class="cited"[^>]*>black</mark> cat', markup)
    assert 'href="/documents/7?marked=4-9#marked"' in markup


def test_overlapping_and_distant_citations() -> None:
    """Text between them is shown or replaced by an ellipsis; nothing is shown twice."""
    text = "".join(chr(97 + i % 26) for i in range(9000))
    cited = [citation(n=1, start=10, end=20), citation(n=2, start=15, end=30), citation(n=3, start=8000, end=8010)]
    highlights = [source_view.citation_highlight(1, c) for c in cited]
    markup = source_view.document_markup(Document(text, "T", source="a.txt"), 1, highlights)
    marks = dict(re.findall(r'<mark id="c1-(\d)"[^>]*>(.*?)</mark>', markup))

    assert {"1": text[10:20], "2": text[20:30], "3": text[8000:8010]} == marks
    assert " … " in markup


def test_a_changed_citation_shows_the_difference() -> None:
    """Word by word: what was removed and what was added. A deleted document has no difference."""
    trace = CitationTrace("changed", now="The roof is blue")
    markup = source_view.changed_citation_markup(1, citation(quote="The roof is red"), trace)
    assert "<span>The roof is </span><del>red</del><ins>blue</ins>" in markup
    assert "<del>" not in source_view.changed_citation_markup(1, citation(), CitationTrace("deleted"))
