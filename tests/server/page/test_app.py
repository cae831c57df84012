"""The whole page, in a real browser: ask, open the source, abstain, hostile text, two visitors, settings."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from ...browsing import ask, opened, served, visiting
from ...conftest import ARTICLE
from ..conftest import QUESTION

pytestmark = pytest.mark.page

HOSTILE = """Notes on the zebra project.

The zebra budget is 12
<img src="http://198.51.100.1/leak.png" onerror="window.PWN=1"> ![x](http://198.51.100.1/y.png) units.
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server over the article and a hostile document."""
    room = tmp_path_factory.mktemp("page")
    (room / "seeds").mkdir()
    shutil.copy(ARTICLE, room / "seeds")
    (room / "seeds" / "zebra <b>project<!--.txt").write_text(HOSTILE, "utf-8")
    with served(room) as served_at:
        yield served_at


@pytest.fixture
def page(browser, address: str) -> Iterator:
    """A new visitor, whose page requests no other host and logs no error."""
    with visiting(browser, address, viewport={"width": 1280, "height": 860}) as visited:
        yield visited


def test_ask_and_open_the_source(page, article: str) -> None:
    """Chips appear, the marked characters are the article's, and a click shows them without leaving the page."""
    ask(page, QUESTION)
    page.wait_for_selector("a.chip")
    page.wait_for_selector("mark.cited")
    marks = page.locator("mark.cited").all_inner_texts()
    page.locator("a.chip").nth(1).click()
    page.wait_for_selector("mark.open")

    assert len(marks) >= 2
    assert all(mark in article for mark in marks)
    assert marks[1] == page.locator("mark.open").inner_text()
    assert len(page.context.pages) == 1
    assert f"{len(marks)} citations checked" in page.inner_text("#chat")


def test_abstaining(page) -> None:
    """The answer declines, and lists the closest passages."""
    ask(page, "Who is the president of Brazil?")
    page.locator("#chat", has_text="Your documents don't answer this.").wait_for()

    assert "Closest passages:" in page.inner_text("#chat")
    assert "does not mention" in page.inner_text("#chat")
    assert page.locator("sup a.chip").count() == 0
    page.locator("a.chip.near").first.click()  # the closest passages can be opened
    page.wait_for_selector("mark.open")


def test_hostile_documents_and_questions(page) -> None:
    """Text of documents, file names and questions becomes no markup."""
    ask(page, "What is the zebra budget? <img src=http://198.51.100.1/q.png onerror=window.PWN=1>")
    page.wait_for_selector("mark.cited")

    assert "<img src" in page.inner_text("#chat")
    assert '<img src="http://198.51.100.1/leak.png"' in page.inner_text("#source")
    page.get_by_role("tab", name="Documents").click()
    page.locator("#documents table").wait_for()
    assert "zebra <b>project<!--" in page.inner_text("#documents")
    assert page.evaluate("window.PWN === undefined")
    assert page.locator("#chat img[src*='198.51'], #source img").count() == 0


def test_two_visitors_do_not_mix(browser, address: str) -> None:
    """Each visitor has a conversation of their own."""
    first, second = (opened(browser.new_context(), address) for _ in range(2))
    ask(first, QUESTION)
    ask(second, "Who is the president of Brazil?")
    first.wait_for_selector("a.chip")
    second.locator("#chat", has_text="Your documents don't answer this.").wait_for()

    assert "Brazil" not in first.inner_text("#chat")
    assert "Sun Weidong" not in second.inner_text("#chat .asked")
    first.context.close()
    second.context.close()


def test_settings_are_shown(page) -> None:
    """Who answers, where text goes, what the index holds, which versions."""
    page.get_by_role("tab", name="Settings").click()
    page.locator("#facts table").wait_for()
    table = page.inner_text("#facts")
    for line in ("quoted from the documents", "What leaves this machine\tnothing", "Synced folder\tseeds",
                 "chromadb", "index, "):  # fmt: skip
        assert line in table
