"""The feedback form, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.evaluation.test_sets import read_set

from ...browsing import ask, wait_for_answer
from ...conftest import ARTICLE
from ..conftest import QUESTION

pytestmark = pytest.mark.page


def test_a_wrong_answer_becomes_a_test_question(page, room: Path) -> None:
    """With the expected answer and the passage; a passage that is in no document is rejected."""
    ask(page, QUESTION)
    wait_for_answer(page, 1)
    page.click("#bad-1")
    page.fill("#expected textarea, #expected input", "rare earth restrictions")
    page.fill("#passage textarea", "words of no document")
    page.click("#save-feedback")
    page.get_by_text("None of the documents found for this question contains that passage.").wait_for()
    page.fill("#passage textarea", "discussed China’s rare earth restrictions")
    page.click("#save-feedback")
    page.get_by_text("Saved as a test question in").wait_for()

    (row,) = read_set(room / "index" / "feedback.jsonl").questions
    assert (QUESTION, ("rare earth restrictions",)) == (row.question, row.answers)
    assert ARTICLE.name == row.evidence[0].source
