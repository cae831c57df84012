"""The list of conversations, in a real browser: stored, searched, renamed, exported, deleted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rag.records import Answer
from rag.server.page.views import conversations
from rag.server.page.views.conversations import Conversation, Exchange

from ...browsing import ask, opened, put, reloaded, visiting, wait_for_answer
from ..conftest import QUESTION

pytestmark = pytest.mark.page


def test_a_conversation_is_stored_by_the_browser(page, address: str, article: str) -> None:
    """After a reload it is listed; opened, it shows its citations, which mark the same words."""
    ask(page, QUESTION)
    wait_for_answer(page, 1)
    page.locator("button.talk").first.wait_for()
    marks = page.locator("mark.cited").all_inner_texts()
    reloaded(page)
    page.locator("button.talk", has_text="What did India raise").first.click()
    wait_for_answer(page, 1)
    page.wait_for_selector("mark.cited", state="attached")

    assert marks == page.locator("mark.cited").all_inner_texts()
    assert all(mark in article for mark in marks if mark)
    ask(page, "Who met him?")
    page.get_by_text("understood as: Who met Sun Weidong?").wait_for()  # the conversation goes on


def test_conversations_are_renamed_searched_and_deleted(page) -> None:
    """Each is found by its name or its words, and disappears when it is deleted."""
    ask(page, QUESTION)
    wait_for_answer(page, 1)
    page.click("#new")
    page.locator("#chat .asked").wait_for(state="detached")
    ask(page, "Who is the president of Brazil?")
    wait_for_answer(page, 1)
    page.locator("button.talk").nth(1).wait_for()
    page.click("#this-talk button")
    page.fill("#rename input, #rename textarea", "About Brazil")
    page.keyboard.press("Enter")
    page.locator("button.talk", has_text="About Brazil").wait_for()

    page.fill("#find-talk input, #find-talk textarea", "weidong")
    page.locator("button.talk", has_text="About Brazil").wait_for(state="detached")
    assert 1 == page.locator("button.talk").count()
    page.fill("#find-talk input, #find-talk textarea", "")
    page.locator("button.talk", has_text="About Brazil").wait_for()

    page.click("#drop-talk")
    page.locator("button.talk", has_text="About Brazil").wait_for(state="detached")
    assert 0 == page.locator("#chat .asked").count()


def test_two_windows_of_one_browser(browser, address: str) -> None:
    """Each stores its own conversations, and lists the other's."""
    with visiting(browser, address) as first:
        second = opened(first.context, address)
        for window, question in ((first, QUESTION), (second, "Who is the president of Brazil?"), (first, "Who met whom?")):
            window.keyboard.press("Alt+n")
            ask(window, question)
            wait_for_answer(window, 1)
        for window in (first, second):
            window.locator("button.talk").nth(2).wait_for()
            titles = window.locator("button.talk").all_inner_texts()
            assert ["Who met whom?", "Who is the president of Brazil?", QUESTION] == titles
            assert 1 == window.locator("button.talk.open").count()
        second.locator("button.talk", has_text="whom").click()
        second.locator("#chat .asked", has_text="whom").wait_for()
        second.click("#this-talk button")
        second.click("#drop-talk")
        first.locator("button.talk", has_text="whom").wait_for(state="detached")
        assert 2 == first.locator("button.talk").count()


PUT = """([many, size]) => {
  const exchanges = [{ question: "q".repeat(size), problem: "p", rating: "", answer: null }];
  const key = document.querySelector("ul.talks").id;
  for (let n = 0; n < many; n++) {
    const talk = { id: `old${n}`, begun: "2026-01-01", named: "", title: `Old ${n}`, exchanges, changed: 1e12 + n };
    try { localStorage.setItem(`${key}-${talk.id}`, JSON.stringify(talk)) } catch { return }
  }
}"""


@pytest.mark.parametrize(("many", "size", "most"), [(150, 10, 100), (9, 1_000_000, 6)], ids=["so many", "so large"])
def test_the_number_of_stored_conversations_is_limited(page, many: int, size: int, most: int) -> None:
    """The newest are kept; other data in the storage stays."""
    page.evaluate("localStorage.setItem('other', 'x'.repeat(3000))")
    page.evaluate(PUT, [many, size])
    ask(page, QUESTION)
    wait_for_answer(page, 1)
    page.locator("button.talk.open").wait_for()
    titles = page.locator("button.talk").all_inner_texts()
    there = page.evaluate("Object.keys(localStorage).filter(key => key.includes('-old'))")

    assert QUESTION == titles[0]
    numbers = [int(title.removeprefix("Old ")) for title in titles[1:]]
    assert sorted(numbers, reverse=True) == numbers
    assert most >= len(titles) > 1
    assert len(there) == len(numbers)
    assert 3000 == page.evaluate("localStorage.getItem('other').length")


TIGERS = Conversation(
    "1", "2026-01-02", (Exchange("About tigers?", Answer("", "They roar.", "answered", (), (), (), 1.0, "", "")),)
)


ZEBRA = Conversation("2", "2026-01-02", (Exchange("Who met him?", problem="no"),), "Zebra")


def test_conversations_are_searched_by_their_text(page) -> None:
    """All words, in title, questions or answers, in any case; the one changed last comes first."""
    for n, one in enumerate((ZEBRA, TIGERS)):
        put(page, one.id, json.dumps(conversations.to_json(one) | {"changed": n}))
    for wanted, titles in (("TIGERS roar", [TIGERS.title]), ("zebra", ["Zebra"]), ("tigers zebra", []), ("him", ["Zebra"]),
                           (" ", [TIGERS.title, "Zebra"])):  # fmt: skip
        page.fill("#find-talk input, #find-talk textarea", wanted)
        assert titles == page.locator("button.talk").all_inner_texts()
    page.locator("button.talk", has_text="Zebra").click()
    page.locator("#chat .asked", has_text="Who met him?").wait_for()
    ask(page, QUESTION)
    wait_for_answer(page, 1)
    page.locator("button.talk.open").wait_for()
    assert ["Zebra", TIGERS.title] == page.locator("button.talk").all_inner_texts()


HOLLOW = {"id": "4", "title": "Hollow", "begun": "x", "changed": 1, "exchanges": [{"question": "q", "answer": None}]}


NONE = ["{", "null", "[]", '{"exchanges": 3}', json.dumps(HOLLOW), '{"exchanges": [null]}']


def test_malformed_stored_conversations(page) -> None:
    """An entry that is no conversation is not listed; one that only resembles a conversation is not opened."""
    for n, entry in enumerate(NONE):
        put(page, str(n), entry)
    page.fill("#find-talk input, #find-talk textarea", "hollow")
    page.locator("button.talk").click()
    page.wait_for_timeout(500)
    assert 1 == page.locator("button.talk").count()
    assert 0 == page.locator("#chat .asked").count()
    ask(page, QUESTION)
    wait_for_answer(page, 1)


def test_export_and_copy(page, article: str) -> None:
    """Markdown and JSON of the whole conversation; an answer is copied with its sources."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    ask(page, QUESTION)
    wait_for_answer(page, 1)
    page.click("#copy-1")
    page.locator("#copy-1", has_text="Copied").wait_for()
    assert "\\[1\\] India raises rare earth curbs with china" in page.evaluate("navigator.clipboard.readText()")

    page.click("#this-talk button")
    for button, suffix in (("#export-markdown", ".md"), ("#export-json", ".json")):
        with page.expect_download() as download:
            page.click(button)
        text = Path(download.value.path()).read_text("utf-8")
        assert download.value.suggested_filename == f"what-did-india-raise-with-sun-weidong{suffix}"
        assert "discussed China’s rare earth restrictions" in text
    (exchange,) = json.loads(text)["exchanges"]
    for citation in exchange["answer"]["citations"]:
        assert article[citation["start"] : citation["end"]] == citation["quote"]


def test_the_conversation_list_folds(browser, address: str) -> None:
    """On a wide screen it can be hidden; on a narrow one it is hidden and can be shown."""
    for width, at_first in ((1440, True), (900, False), (390, False)):
        with visiting(browser, address, viewport={"width": width, "height": 860}) as page:
            assert at_first == page.locator("#talks").is_visible()
            page.click("#fold")
            page.locator("#talks").wait_for(state="hidden" if at_first else "visible")
            page.click("#fold")
            page.locator("#talks").wait_for(state="visible" if at_first else "hidden")
