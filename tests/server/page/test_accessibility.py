"""The page is accessible: axe-core, the order and visibility of the focus, reduced motion."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe

from ...browsing import ask, visiting, wait_for_answer
from ..conftest import QUESTION

pytestmark = pytest.mark.page


TABS = ("Ask", "Documents", "Evaluate", "Settings")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_axe_finds_no_violation(browser, address: str, scheme: str, width: int) -> None:
    """Names, roles, contrast: in every tab, with a source and a form open."""
    with visiting(browser, address, viewport={"width": width, "height": 860}, color_scheme=scheme) as page:
        ask(page, "Who is the president of Brazil?")
        wait_for_answer(page, 1)
        ask(page, QUESTION)
        wait_for_answer(page, 2)
        page.click("#scope button")
        page.click("#bad-2")
        page.locator("#save-feedback").wait_for()
        page.locator("sup a.chip").first.click()
        page.locator("mark.open").wait_for()
        found = [defects(page)]
        page.keyboard.press("Escape")
        for tab in TABS[1:]:
            if width < 800 and not page.get_by_role("tab", name=tab).is_visible():
                page.locator("#rooms .overflow-menu > button").click()
                page.locator("#rooms .overflow-dropdown button", has_text=tab).click()
            else:
                page.get_by_role("tab", name=tab).click()
            page.wait_for_timeout(400)
            found.append(defects(page))
    assert found == [[]] * len(TABS)


def defects(page) -> list[str]:
    """Returns the violations that axe-core finds, by WCAG 2.2 A and AA and best practice."""
    results = Axe().run(page).response
    return [f"{one['id']}: {node['html'][:160]}" for one in results["violations"] for node in one["nodes"]]


def test_focus_follows_the_reading_order(page) -> None:
    """With Tab: from the question to the citation, to the words in the source, and back to the citation."""
    ask(page, QUESTION)
    wait_for_answer(page, 1)
    seen = []
    page.locator("body").evaluate("document.activeElement.blur()")
    for _ in range(60):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.className + ' ' + document.activeElement.id"))
        if "chip" in seen[-1]:
            break
    assert "chip" in seen[-1]
    assert any("talk" in one or "new" in one for one in seen)  # the conversation list comes first
    page.keyboard.press("Enter")
    page.locator("mark#c1-1.open").wait_for()
    assert page.evaluate("document.activeElement.id") == "c1-1"
    page.keyboard.press("Escape")
    assert "chip" in page.evaluate("document.activeElement.className")


HERE = """(e => {
  const box = e.getBoundingClientRect();
  const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  return { what: e === document.body ? "" : `${e.tagName} ${e.id} ${e.title}`, isVisible: e.contains(top) };
})(document.activeElement)"""


@pytest.mark.parametrize("tab", TABS)
def test_focus_is_always_visible(page, tab: str) -> None:
    """No stop of Tab is an invisible element."""
    page.get_by_role("tab", name=tab).click()
    page.wait_for_timeout(700)
    stops = []
    for _ in range(50):
        page.keyboard.press("Tab")
        stops.append(page.evaluate(HERE))
    assert len({stop["what"] for stop in stops}) > 4
    assert [stop["what"] for stop in stops if stop["what"] and not stop["isVisible"]] == []


def test_reduced_motion_is_respected(browser, address: str) -> None:
    """No element has a transition if the visitor prefers that."""
    with visiting(browser, address, reduced_motion="reduce") as page:
        ask(page, QUESTION)
        wait_for_answer(page, 1)
        moving = "[...document.querySelectorAll('*')].filter(e => getComputedStyle(e).transitionDuration !== '0s').length"
        assert 0 == page.evaluate(moving)
