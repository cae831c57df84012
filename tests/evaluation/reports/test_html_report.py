"""Report pages."""

from __future__ import annotations

from rag.evaluation.comparison import GateResult, compare
from rag.evaluation.records import RunJSON
from rag.evaluation.reports import html_report

FORBIDDEN = ("<script", "<img", "<b>.txt", "\u202e", "http://", "https://", "<i>")


def test_untrusted_text_is_no_markup(hostile_run: RunJSON, gates: list[GateResult]) -> None:
    """Questions, documents and answers are escaped; the page has no script and loads nothing."""
    page = html_report.run_page(hostile_run, gates)

    assert [] == [text for text in FORBIDDEN if text in page]
    assert "&lt;script&gt;" in page
    assert "no document no&lt;b&gt;" in page
    assert "right&gt;=0.5" in page


def test_untrusted_text_in_a_comparison(hostile_run: RunJSON) -> None:
    """The same for the page of two runs."""
    question, measures = hostile_run["questions"][0], hostile_run["questions"][0]["measures"]
    other: RunJSON = {**hostile_run, "questions": [{**question, "measures": {**measures, "right": (0.0, 1)}}]}
    hostile_run["questions"][0]["measures"]["right"] = (1.0, 1)
    page = html_report.comparison_page(hostile_run, other, compare(hostile_run, other))

    assert [] == [text for text in FORBIDDEN if text in page]
    assert "Questions that only one run got right: 1" in page
    assert "What does the parrot say, &lt;script&gt;" in page


def test_the_page_lists_every_question(run: RunJSON) -> None:
    """With its outcome, its gold and its answer; the filter counts them."""
    page = html_report.run_page(run)

    assert 3 == page.count('<details class="question')
    assert 'id="show-right"> correct (2)' in page
    assert 'id="show-declined"> correctly declined (1)' in page
    assert "Gold answers: Gdansk" in page
    assert "<mark>The new crane can lift forty-two tonnes.</mark>" in page
