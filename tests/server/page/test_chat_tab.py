"""The Ask tab without a language model, in a real browser: retry, edit, copy, the first run."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from ...browsing import ask, served, visiting, wait_for_answer
from ..conftest import QUESTION

pytestmark = pytest.mark.page


def test_retry_and_edit_replace_an_answer(page) -> None:
    """Retry asks the same question in its place; an edited question also replaces the answers after it."""
    ask(page, QUESTION)
    wait_for_answer(page, 1)
    ask(page, "Who met him?")
    wait_for_answer(page, 2)
    page.click("#retry-2")
    page.get_by_text("understood as").wait_for()
    assert 2 == page.locator("#chat .asked").count()

    page.click("#edit-1")
    expect(page.locator("#question textarea")).to_have_value(QUESTION)
    page.fill("#question textarea", "Where did Misri travel in January?")
    page.keyboard.press("Enter")
    page.locator("#chat .asked", has_text="Misri travel").wait_for()
    wait_for_answer(page, 1)
    assert 1 == page.locator("#chat .asked").count()
    assert "Beijing" in page.inner_text("#chat")


def test_a_button_works_while_an_answer_is_retried(page) -> None:
    """Copy does not wait for a retry."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    ask(page, QUESTION)
    wait_for_answer(page, 1)
    page.locator("#chat button[id^=retry]").click()
    page.locator("#chat button[id^=copy]").click()
    # The label "Copied" may be gone at once, because the retried answer replaces the message.
    page.wait_for_function("navigator.clipboard.readText().then(text => text.includes('rare earth'))")


def test_the_first_run_offers_the_sample(browser, tmp_path: Path) -> None:
    """Without documents the sample can be loaded, asked about and answered from."""
    (tmp_path / "seeds").mkdir()
    with served(tmp_path) as empty, visiting(browser, empty) as page:
        page.get_by_text("No documents yet").wait_for()
        page.click("#to-sample")
        page.locator("#importing", has_text="1 added").wait_for()
        page.get_by_role("tab", name="Ask").click()
        page.get_by_text("Ask about your documents").first.wait_for()
        page.locator("#examples button", has_text="What is in these documents?").click()
        page.keyboard.press("Enter")
        wait_for_answer(page, 1)
        assert page.locator("sup a.chip").count() > 0


def test_the_first_run_leads_to_the_documents(browser, tmp_path: Path) -> None:
    """The other first step opens the Documents tab."""
    (tmp_path / "seeds").mkdir()
    with served(tmp_path) as empty, visiting(browser, empty) as page:
        page.click("#to-documents")
        page.locator("#upload").wait_for()
