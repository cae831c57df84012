"""The Evaluate tab, in a real browser."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ...browsing import choose
from ..conftest import QUESTION

pytestmark = pytest.mark.page


@pytest.fixture(scope="module")
def room(room: Path) -> Path:
    """The working folder of the server, with a test set and a broken one."""
    questions = [
        {"id": "raised", "question": QUESTION, "answers": ["rare earth"], "type": "what"},
        {"id": "<b>who</b>", "question": "Who met Sun Weidong?", "answers": ["Vikram Misri"], "type": "<img src=x>"},
        {"id": "none", "question": "Who is the president of Brazil?", "answerable": False, "type": "near"},
    ]
    (room / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in questions), "utf-8")
    (room / "broken.yaml").write_text("- {id: a, question: x}\n", "utf-8")
    return room


def test_a_set_is_run_and_two_runs_compared(page) -> None:
    """Metrics with intervals, plots, every question with its gold; a broken set shows its error."""
    page.get_by_role("tab", name="Evaluate").click()
    choose(page, "#set", "broken.yaml")
    page.click("#run-set")
    page.get_by_text("is answerable but has no answers").wait_for()
    choose(page, "#set", "mine.jsonl")
    for number in (1, 2):
        page.click("#run-set")
        page.locator(f"#result a.open[href='/runs/{number}']").wait_for()
    assert "2 correct · 1 correctly declined" in page.inner_text("#result")
    assert "citation_exact\t1.000" in page.inner_text("#result")
    assert page.locator("#result img").count() >= 3
    assert page.evaluate("[...document.querySelectorAll('#result img')].every(i => i.complete && i.naturalWidth > 100)")

    with page.context.expect_page() as opening:
        page.locator("#result a.open").click()
    report = opening.value
    report.get_by_text("Who met Sun Weidong?").first.wait_for()
    assert 0 == report.locator("img[src=x], script").count()

    page.click("#comparing > button")
    choose(page, "#run-a", "1 ·")
    choose(page, "#run-b", "2 ·")
    page.click("#compare-runs")
    with page.context.expect_page() as opening:
        page.locator("#compared a.open").click()
    opening.value.get_by_text("Questions in both runs: 3").wait_for()
