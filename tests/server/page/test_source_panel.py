"""The source panel, in a real browser: the whole document, and what changed in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ...browsing import add_to_folder, ask, reloaded, wait_for_answer
from ..conftest import QUESTION

pytestmark = pytest.mark.page


def test_the_whole_document_opens_at_the_quotation(page) -> None:
    """On a page of its own, with the cited words marked and without script."""
    ask(page, QUESTION)
    wait_for_answer(page, 1)
    with page.context.expect_page() as opening:
        page.locator("#source a.open").first.click()
    document = opening.value
    document.wait_for_load_state()
    assert "discussed China’s rare earth restrictions" in document.locator("mark#marked").inner_text()
    assert 0 == document.locator("script").count()


def test_changes_of_a_cited_text_are_shown(page, room: Path) -> None:
    """A stored answer shows its words as they were and as they are now, word by word."""
    source = add_to_folder(
        page, room / "seeds" / "roof.txt", "The observatory roof of Hammerfell is red and made of copper.\n"
    )
    ask(page, "What colour is the observatory roof of Hammerfell?")
    wait_for_answer(page, 1)
    source.write_text("The observatory roof of Hammerfell is blue and made of copper.\n", "utf-8")
    page.get_by_role("tab", name="Documents").click()
    page.wait_for_timeout(6000)  # the folder is synced within seconds
    reloaded(page)
    page.locator("button.talk", has_text="observatory").click()
    page.locator("#source section.changed").wait_for(state="attached")
    assert ["red"] == page.locator("#source del").all_inner_texts()
    assert ["blue"] == page.locator("#source ins").all_inner_texts()
    assert "red" in page.locator("#source mark").inner_text()
