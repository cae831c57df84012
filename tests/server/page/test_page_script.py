"""page.js, in a real browser: keyboard shortcuts, the source on a phone, the theme."""

from __future__ import annotations

import re

import pytest

from ...browsing import ask, opened, reloaded, wait_for_answer
from ..conftest import QUESTION

pytestmark = pytest.mark.page


def test_keyboard_shortcuts(page) -> None:
    """/ goes to the question, [ and ] step through citations, Escape closes the source and returns the focus."""
    ask(page, QUESTION)
    wait_for_answer(page, 1)
    page.locator("#head").click()
    page.keyboard.press("]")
    page.wait_for_selector("mark#c1-1.open")
    page.keyboard.press("]")
    page.wait_for_selector("mark#c1-2.open")
    assert re.match(r"2 of 2", page.inner_text("#which"))
    page.keyboard.press("[")
    page.wait_for_selector("mark#c1-1.open")
    page.keyboard.press("Escape")
    page.locator("#beside").wait_for(state="hidden")
    assert "chip" in page.evaluate("document.activeElement.className")
    page.keyboard.press("?")
    page.locator("#keys").wait_for()
    page.keyboard.press("?")
    page.locator("#keys").wait_for(state="hidden")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.tagName") == "TEXTAREA"


def test_on_a_phone_the_source_is_a_sheet(browser, address: str) -> None:
    """It covers the lower two thirds when a citation is tapped; nothing is wider than the screen."""
    context = browser.new_context(viewport={"width": 390, "height": 800})
    page = opened(context, address)
    ask(page, QUESTION)
    wait_for_answer(page, 1)
    assert not page.locator("#beside").is_visible()
    page.locator("a.chip").first.click()
    page.locator("mark.open").wait_for()
    sheet = page.locator("#beside").bounding_box()
    assert 240 < sheet["y"] < 290
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.click("#close")
    page.locator("#beside").wait_for(state="hidden")
    context.close()


def test_the_theme_is_remembered(page) -> None:
    """A theme that was chosen is applied after a reload."""
    is_dark = "document.body.classList.contains('dark')"
    before = page.evaluate(is_dark)
    page.click("#theme")
    page.locator("#examples button").first.wait_for()
    reloaded(page)
    page.wait_for_selector("#question textarea")
    page.locator("body:not(.dark)" if before else "body.dark").wait_for(state="attached")
