"""The document filter, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from ...browsing import add_to_folder, ask, choose, wait_for_answer
from ..conftest import QUESTION

pytestmark = pytest.mark.page


def test_dates_restrict_a_question(page) -> None:
    """Only documents in the date range are read."""
    page.click("#scope button")
    page.fill("#since input, #since textarea", "2030-01-01")
    ask(page, QUESTION)
    wait_for_answer(page, 1)
    assert 0 == page.locator("sup a.chip").count()
    page.fill("#since input, #since textarea", "2025-01-01")
    ask(page, QUESTION)
    wait_for_answer(page, 2)
    assert page.locator("sup a.chip").count() > 0


def test_fields_restrict_a_question(page) -> None:
    """Fields can be chosen, and the panel is labelled with the choice; an invalid date is named."""
    page.click("#scope button")
    choose(page, "#where", "author: Otter Weekly (1)")
    page.locator("#scope > button", has_text="Search only: author Otter Weekly").wait_for()
    ask(page, QUESTION)
    wait_for_answer(page, 1)
    assert 0 == page.locator("sup a.chip").count()
    page.fill("#since input, #since textarea", "last May")
    ask(page, QUESTION)
    page.locator("#chat", has_text="'last May' is not a date").wait_for()


def test_a_chosen_document_that_is_deleted(page, room: Path) -> None:
    """Questions go on when a document of the filter is deleted."""
    lighthouse = "---\nauthor: Gone Soon\n---\nThe lighthouse of Vardø was painted in May.\n"
    source = add_to_folder(page, room / "seeds" / "gone.md", lighthouse)
    page.click("#scope button")
    choose(page, "#where", "author: Gone Soon (1)")
    source.unlink()
    page.get_by_role("tab", name="Documents").click()
    page.locator("#documents", has_text="gone.md").wait_for(state="detached")
    page.get_by_role("tab", name="Ask").click()
    page.locator("#scope > button", has_text="Search all documents").wait_for()
    ask(page, QUESTION)
    wait_for_answer(page, 1)
    assert page.locator("sup a.chip").count() > 0
