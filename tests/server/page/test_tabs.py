"""What can be done on the page, in a real browser: conversations, retry, edit, feedback, export; documents in and out."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from rag.evaluation.test_sets import read_set
from rag.records import Answer
from rag.server.page.views import conversations
from rag.server.page.views.conversations import Exchange, Talk

from ...browsing import ask, opened, put, reloaded, served, visiting
from ...conftest import ARTICLE

pytestmark = pytest.mark.page

# What Gradio's own components bring along, and its callers cannot change.
NOT_OURS: dict[str, dict[str, bool]] = {}
QUESTION = "What did India raise with Sun Weidong?"


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    room = tmp_path_factory.mktemp("rooms")
    (room / "seeds").mkdir()
    shutil.copy(ARTICLE, room / "seeds")
    (room / "seeds" / "weekly.md").write_text("---\nauthor: Otter Weekly\n---\nThe holt is by the river.\n", "utf-8")
    questions = [
        {"id": "raised", "question": QUESTION, "answers": ["rare earth"], "type": "what"},
        {"id": "<b>who</b>", "question": "Who met Sun Weidong?", "answers": ["Vikram Misri"], "type": "<img src=x>"},
        {"id": "none", "question": "Who is the president of Brazil?", "answerable": False, "type": "near"},
    ]
    (room / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in questions), "utf-8")
    (room / "broken.yaml").write_text("- {id: a, question: x}\n", "utf-8")
    return room


@pytest.fixture(scope="module")
def address(room: Path) -> Iterator[str]:
    with served(room) as served_at:
        yield served_at


@pytest.fixture
def page(browser, address: str) -> Iterator:
    """A fresh visitor, whose page asks nobody else and logs no error."""
    with visiting(browser, address, viewport={"width": 1440, "height": 900}, accept_downloads=True) as visited:
        yield visited


def choose(page, box: str, words: str) -> None:
    page.click(f"{box} input")
    page.get_by_role("option", name=re.compile(re.escape(words))).first.click()


def answered(page, n: int) -> None:
    page.locator("#chat .verdict").nth(n - 1).wait_for()


def taken_in(page, file: Path, text: str) -> Path:
    """Writes a document into the folder that is followed; returns to the room of questions when it is in the list."""
    file.write_text(text, "utf-8")
    page.get_by_role("tab", name="Documents").click()
    page.locator("#documents", has_text=file.name).wait_for()
    page.get_by_role("tab", name="Ask").click()
    return file


def test_a_conversation_is_kept_by_the_browser(page, address: str, article: str) -> None:
    """After a reload it is in the list; opened, it shows its citations, and they mark the same words."""
    ask(page, QUESTION)
    answered(page, 1)
    page.locator("button.talk").first.wait_for()
    marks = page.locator("mark.cited").all_inner_texts()
    reloaded(page)
    page.locator("button.talk", has_text="What did India raise").first.click()
    answered(page, 1)
    page.wait_for_selector("mark.cited", state="attached")

    assert marks == page.locator("mark.cited").all_inner_texts()
    assert all(mark in article for mark in marks if mark)
    ask(page, "Who met him?")
    page.get_by_text("understood as: Who met Sun Weidong?").wait_for()  # it goes on where it ended


def test_conversations_are_named_searched_and_deleted(page) -> None:
    """Each is found by its name or its words, and gone when it is deleted."""
    ask(page, QUESTION)
    answered(page, 1)
    page.click("#new")
    page.locator("#chat .asked").wait_for(state="detached")
    ask(page, "Who is the president of Brazil?")
    answered(page, 1)
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


def test_retry_and_edit_replace_an_answer(page) -> None:
    """Again the same question in its place; an edited one replaces what followed, too."""
    ask(page, QUESTION)
    answered(page, 1)
    ask(page, "Who met him?")
    answered(page, 2)
    page.click("#retry-2")
    page.get_by_text("understood as").wait_for()
    assert 2 == page.locator("#chat .asked").count()

    page.click("#edit-1")
    expect(page.locator("#question textarea")).to_have_value(QUESTION)
    page.fill("#question textarea", "Where did Misri travel in January?")
    page.keyboard.press("Enter")
    page.locator("#chat .asked", has_text="Misri travel").wait_for()
    answered(page, 1)
    assert 1 == page.locator("#chat .asked").count()
    assert "Beijing" in page.inner_text("#chat")


def test_a_wrong_answer_becomes_a_test_question(page, room: Path) -> None:
    """With what it should have said and the passage; words that stand nowhere are not taken for one."""
    ask(page, QUESTION)
    answered(page, 1)
    page.click("#bad-1")
    page.fill("#expected textarea, #expected input", "rare earth restrictions")
    page.fill("#passage textarea", "words that stand nowhere")
    page.click("#save-feedback")
    page.get_by_text("these words are in none of the documents").wait_for()
    page.fill("#passage textarea", "discussed China’s rare earth restrictions")
    page.click("#save-feedback")
    page.get_by_text("saved as a question of").wait_for()

    (row,) = read_set(room / "index" / "feedback.jsonl").questions
    assert (QUESTION, ("rare earth restrictions",)) == (row.question, row.answers)
    assert ARTICLE.name == row.evidence[0].source


def test_two_windows_of_one_browser(browser, address: str) -> None:
    """Each keeps its own conversations, and lists the other's."""
    with visiting(browser, address) as first:
        second = opened(first.context, address)
        for window, question in ((first, QUESTION), (second, "Who is the president of Brazil?"), (first, "Who met whom?")):
            window.keyboard.press("Alt+n")
            ask(window, question)
            answered(window, 1)
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
def test_a_browser_keeps_so_many(page, many: int, size: int, most: int) -> None:
    """The newest; whatever else is in its storage stays."""
    page.evaluate("localStorage.setItem('other', 'x'.repeat(3000))")
    page.evaluate(PUT, [many, size])
    ask(page, QUESTION)
    answered(page, 1)
    page.locator("button.talk.open").wait_for()
    titles = page.locator("button.talk").all_inner_texts()
    there = page.evaluate("Object.keys(localStorage).filter(key => key.includes('-old'))")

    assert QUESTION == titles[0]
    numbers = [int(title.removeprefix("Old ")) for title in titles[1:]]
    assert sorted(numbers, reverse=True) == numbers
    assert most >= len(titles) > 1
    assert len(there) == len(numbers)
    assert 3000 == page.evaluate("localStorage.getItem('other').length")


TIGERS = Talk(
    "1", "2026-01-02", (Exchange("About tigers?", Answer("", "They roar.", "answered", (), (), (), 1.0, "", "")),)
)
ZEBRA = Talk("2", "2026-01-02", (Exchange("Who met him?", problem="no"),), "Zebra")


def test_they_are_searched_by_what_was_said(page) -> None:
    """All words, in title, questions or answers, whatever their case; the one that changed last comes first."""
    for n, one in enumerate((ZEBRA, TIGERS)):
        put(page, one.id, json.dumps(conversations.to_json(one) | {"changed": n}))
    for wanted, titles in (("TIGERS roar", [TIGERS.title]), ("zebra", ["Zebra"]), ("tigers zebra", []), ("him", ["Zebra"]),
                           (" ", [TIGERS.title, "Zebra"])):  # fmt: skip
        page.fill("#find-talk input, #find-talk textarea", wanted)
        assert titles == page.locator("button.talk").all_inner_texts()
    page.locator("button.talk", has_text="Zebra").click()
    page.locator("#chat .asked", has_text="Who met him?").wait_for()
    ask(page, QUESTION)
    answered(page, 1)
    page.locator("button.talk.open").wait_for()
    assert ["Zebra", TIGERS.title] == page.locator("button.talk").all_inner_texts()


HOLLOW = {"id": "4", "title": "Hollow", "begun": "x", "changed": 1, "exchanges": [{"question": "q", "answer": None}]}
NONE = ["{", "null", "[]", '{"exchanges": 3}', json.dumps(HOLLOW), '{"exchanges": [null]}']


def test_what_a_browser_kept_wrongly(page) -> None:
    """An entry that is no conversation is not listed; one that only looks like one is not opened."""
    for n, entry in enumerate(NONE):
        put(page, str(n), entry)
    page.fill("#find-talk input, #find-talk textarea", "hollow")
    page.locator("button.talk").click()
    page.wait_for_timeout(500)
    assert 1 == page.locator("button.talk").count()
    assert 0 == page.locator("#chat .asked").count()
    ask(page, QUESTION)
    answered(page, 1)


def test_a_button_works_while_another_answer_is_asked_for(page) -> None:
    """Copying does not wait for a retry."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    ask(page, QUESTION)
    answered(page, 1)
    page.locator("#chat button[id^=retry]").click()
    page.locator("#chat button[id^=copy]").click()
    page.locator("#chat button[id^=copy]", has_text="Copied").wait_for()


def test_export_and_copy(page, article: str) -> None:
    """Markdown and JSON of the whole conversation; an answer is copied with its sources."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    ask(page, QUESTION)
    answered(page, 1)
    page.click("#copy-1")
    page.locator("#saved", has_text="Weidong").wait_for(state="attached")
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


def test_documents_come_and_go(page, tmp_path: Path) -> None:
    """Dropped files are taken in and can be asked; a broken one says why; deleted, they are gone for good."""
    good, bad = tmp_path / "otters.txt", tmp_path / "broken.pdf"
    good.write_text("Otters sleep in rafts. The otter keeper is Ingrid Solheim.", "utf-8")
    bad.write_bytes(b"%PDF-1.4 nothing")
    page.get_by_role("tab", name="Documents").click()
    page.set_input_files("#upload input[type=file]", [good, bad])
    page.locator("#importing", has_text="1 added, 1 passage embedded").wait_for()
    page.locator("#importing .flag", has_text="broken.pdf").wait_for()
    page.locator("#documents", has_text="otters.txt").wait_for()

    page.get_by_role("tab", name="Ask").click()
    ask(page, "Who is the otter keeper?")
    answered(page, 1)
    assert "Ingrid Solheim" in page.inner_text("#chat")

    page.get_by_role("tab", name="Documents").click()
    page.fill("#find-document input, #find-document textarea", "otters")
    page.locator("#documents tbody tr").nth(1).wait_for(state="detached")
    page.locator("#documents button", has_text="Delete").click()
    page.locator("#deleting", has_text="otters.txt").first.wait_for()
    page.click("#delete-it")
    page.locator("#importing", has_text="is deleted").wait_for()
    page.locator("#documents", has_text="no document fits").wait_for()

    page.get_by_role("tab", name="Ask").click()
    reloaded(page)
    page.locator("button.talk", has_text="otter keeper").click()
    page.get_by_text("this document is no longer in your library").wait_for(state="attached")


def test_a_question_is_asked_of_chosen_documents(page) -> None:
    """Dates and documents that were chosen bound what is read."""
    page.click("#scope button")
    page.fill("#since input, #since textarea", "2030-01-01")
    ask(page, QUESTION)
    answered(page, 1)
    assert 0 == page.locator("sup a.chip").count()
    page.fill("#since input, #since textarea", "2025-01-01")
    ask(page, QUESTION)
    answered(page, 2)
    assert page.locator("sup a.chip").count() > 0


def test_a_question_is_asked_of_documents_that_say_so(page) -> None:
    """Fields of the documents can be chosen; what is chosen stands on the fold; a wrong date is named."""
    page.click("#scope button")
    choose(page, "#where", "author: Otter Weekly (1)")
    page.locator("#scope > button", has_text="Ask only: author Otter Weekly").wait_for()
    ask(page, QUESTION)
    answered(page, 1)
    assert 0 == page.locator("sup a.chip").count()
    page.fill("#since input, #since textarea", "last May")
    ask(page, QUESTION)
    page.locator("#chat", has_text="'last May' is not a date").wait_for()


def test_the_whole_document_opens_at_the_words(page) -> None:
    """On a page of its own, the cited words marked; it has no script."""
    ask(page, QUESTION)
    answered(page, 1)
    with page.context.expect_page() as opening:
        page.locator("#source a.open").first.click()
    document = opening.value
    document.wait_for_load_state()
    assert "discussed China’s rare earth restrictions" in document.locator("mark#marked").inner_text()
    assert 0 == document.locator("script").count()


def test_a_set_is_run_and_two_runs_compared(page) -> None:
    """Figures with intervals, plots, every question with its gold; a broken set says what is wrong with it."""
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
    opening.value.get_by_text("3 questions in both").wait_for()


def test_keys(page) -> None:
    """/ asks, [ and ] step through citations, Escape closes the source and gives the focus back."""
    ask(page, QUESTION)
    answered(page, 1)
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
    answered(page, 1)
    assert not page.locator("#beside").is_visible()
    page.locator("a.chip").first.click()
    page.locator("mark.open").wait_for()
    sheet = page.locator("#beside").bounding_box()
    assert 240 < sheet["y"] < 290
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.click("#close")
    page.locator("#beside").wait_for(state="hidden")
    context.close()


ROOMS = ("Ask", "Documents", "Evaluate", "Settings")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_accessible(browser, address: str, scheme: str, width: int) -> None:
    """Names, roles, contrast: axe-core finds nothing amiss in any room, with a source open, and a form."""
    with visiting(browser, address, viewport={"width": width, "height": 860}, color_scheme=scheme) as page:
        ask(page, "Who is the president of Brazil?")
        answered(page, 1)
        ask(page, QUESTION)
        answered(page, 2)
        page.click("#scope button")
        page.click("#bad-2")
        page.locator("#save-feedback").wait_for()
        page.locator("sup a.chip").first.click()
        page.locator("mark.open").wait_for()
        found = [defects(page)]
        page.keyboard.press("Escape")
        for room in ROOMS[1:]:
            if width < 800 and not page.get_by_role("tab", name=room).is_visible():
                page.locator("#rooms .overflow-menu > button").click()
                page.locator("#rooms .overflow-dropdown button", has_text=room).click()
            else:
                page.get_by_role("tab", name=room).click()
            page.wait_for_timeout(400)
            found.append(defects(page))
    assert found == [[]] * len(ROOMS)


def defects(page) -> list[str]:
    """What axe-core says is wrong, by WCAG 2.2 A and AA and best practice."""
    results = Axe().run(page, options={"rules": NOT_OURS}).response
    return [f"{one['id']}: {node['html'][:160]}" for one in results["violations"] for node in one["nodes"]]


def test_focus_goes_in_reading_order(page) -> None:
    """With Tab alone: from the question to the answer's citation, to the words in the source, and back to the citation."""
    ask(page, QUESTION)
    answered(page, 1)
    seen = []
    page.locator("body").evaluate("document.activeElement.blur()")
    for _ in range(60):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.className + ' ' + document.activeElement.id"))
        if "chip" in seen[-1]:
            break
    assert "chip" in seen[-1]
    assert any("talk" in one or "new" in one for one in seen)  # conversations come first
    page.keyboard.press("Enter")
    page.locator("mark#c1-1.open").wait_for()
    assert page.evaluate("document.activeElement.id") == "c1-1"
    page.keyboard.press("Escape")
    assert "chip" in page.evaluate("document.activeElement.className")


HERE = """(e => {
  const box = e.getBoundingClientRect();
  const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  return { what: e === document.body ? "" : `${e.tagName} ${e.id} ${e.title}`, isSeen: e.contains(top) };
})(document.activeElement)"""


@pytest.mark.parametrize("tab", ROOMS)
def test_focus_is_always_seen(page, tab: str) -> None:
    """No stop of Tab is at something that nobody sees."""
    page.get_by_role("tab", name=tab).click()
    page.wait_for_timeout(700)
    stops = []
    for _ in range(50):
        page.keyboard.press("Tab")
        stops.append(page.evaluate(HERE))
    assert len({stop["what"] for stop in stops}) > 4
    assert [stop["what"] for stop in stops if stop["what"] and not stop["isSeen"]] == []


def test_reduced_motion_is_honoured(browser, address: str) -> None:
    """Nothing moves for those who asked for that."""
    with visiting(browser, address, reduced_motion="reduce") as page:
        ask(page, QUESTION)
        answered(page, 1)
        moving = "[...document.querySelectorAll('*')].filter(e => getComputedStyle(e).transitionDuration !== '0s').length"
        assert 0 == page.evaluate(moving)


def test_conversations_fold(browser, address: str) -> None:
    """On a wide screen they can be put away; on a narrow one they are, and can be had."""
    for width, at_first in ((1440, True), (900, False), (390, False)):
        with visiting(browser, address, viewport={"width": width, "height": 860}) as page:
            assert at_first == page.locator("#talks").is_visible()
            page.click("#fold")
            page.locator("#talks").wait_for(state="hidden" if at_first else "visible")
            page.click("#fold")
            page.locator("#talks").wait_for(state="visible" if at_first else "hidden")


def test_light_or_dark_is_remembered(page) -> None:
    """Who changes it has it so after a reload."""
    is_dark = "document.body.classList.contains('dark')"
    before = page.evaluate(is_dark)
    page.click("#theme")
    page.locator("#examples button").first.wait_for()
    reloaded(page)
    page.wait_for_selector("#question textarea")
    page.locator("body:not(.dark)" if before else "body.dark").wait_for(state="attached")


def test_what_is_in_force_is_shown(page) -> None:
    """Who answers, where text goes, what is here, which versions."""
    page.get_by_role("tab", name="Settings").click()
    page.locator("#facts table").wait_for()
    shown = page.inner_text("#facts")
    for line in ("quoted from the documents", "What leaves this machine\tnothing", "Folder that is followed\tseeds",
                 "chromadb", "index, "):  # fmt: skip
        assert line in shown


def test_what_changed_in_a_cited_text(page, room: Path) -> None:
    """A kept answer shows its words as they were, and what stands there now, word by word."""
    source = taken_in(page, room / "seeds" / "roof.txt", "The observatory roof of Hammerfell is red and made of copper.\n")
    ask(page, "What colour is the observatory roof of Hammerfell?")
    answered(page, 1)
    source.write_text("The observatory roof of Hammerfell is blue and made of copper.\n", "utf-8")
    page.get_by_role("tab", name="Documents").click()
    page.wait_for_timeout(6000)  # it is followed within seconds
    reloaded(page)
    page.locator("button.talk", has_text="observatory").click()
    page.locator("#source section.changed").wait_for(state="attached")
    assert ["red"] == page.locator("#source del").all_inner_texts()
    assert ["blue"] == page.locator("#source ins").all_inner_texts()
    assert "red" in page.locator("#source mark").inner_text()


def test_an_address_is_added_and_the_box_is_empty(page) -> None:
    """After one that cannot be taken in, pressing Add once more says what an address is."""
    page.get_by_role("tab", name="Documents").click()
    page.fill("#url input, #url textarea", "https://127.0.0.1:1/x")
    page.keyboard.press("Enter")
    page.locator("#importing .flag").wait_for()
    expect(page.locator("#url input, #url textarea")).to_have_value("")
    page.click("#add-url")
    page.locator("#importing .flag", has_text="that is no address of a page").wait_for()


def test_too_many_files_at_once(page, tmp_path: Path) -> None:
    """Are refused with what to do instead, and none of them is taken in."""
    files = []
    for n in range(201):
        files.append(tmp_path / f"{n}.txt")
        files[-1].write_text(f"File {n}", "utf-8")
    page.get_by_role("tab", name="Documents").click()
    page.set_input_files("#upload input[type=file]", files)
    page.get_by_text("201 files at once are more than 200; name their folder instead: rag sync FOLDER").wait_for(
        timeout=60_000
    )
    assert "200.txt" not in page.inner_text("#documents")


def test_first_run(browser, tmp_path: Path) -> None:
    """With no document there is an invitation that works: the sample is loaded, asked and answered."""
    (tmp_path / "seeds").mkdir()
    with served(tmp_path) as empty, visiting(browser, empty) as page:
        page.get_by_text("No documents here yet").wait_for()
        page.click("#to-sample")
        page.locator("#importing", has_text="1 added").wait_for()
        page.get_by_role("tab", name="Ask").click()
        page.get_by_text("Ask your documents").first.wait_for()
        page.locator("#examples button", has_text="What is in these documents?").click()
        page.keyboard.press("Enter")
        answered(page, 1)
        assert page.locator("sup a.chip").count() > 0


def test_first_run_leads_to_the_documents(browser, tmp_path: Path) -> None:
    """The other invitation, too."""
    (tmp_path / "seeds").mkdir()
    with served(tmp_path) as empty, visiting(browser, empty) as page:
        page.click("#to-documents")
        page.locator("#upload").wait_for()


def test_a_chosen_document_that_goes(page, room: Path) -> None:
    """Questions go on when a document they were asked of is deleted."""
    lighthouse = "---\nauthor: Gone Soon\n---\nThe lighthouse of Vardø was painted in May.\n"
    source = taken_in(page, room / "seeds" / "gone.md", lighthouse)
    page.click("#scope button")
    choose(page, "#where", "author: Gone Soon (1)")
    source.unlink()
    page.get_by_role("tab", name="Documents").click()
    page.locator("#documents", has_text="gone.md").wait_for(state="detached")
    page.get_by_role("tab", name="Ask").click()
    page.locator("#scope > button", has_text="Ask all documents").wait_for()
    ask(page, QUESTION)
    answered(page, 1)
    assert page.locator("sup a.chip").count() > 0


def test_the_same_file_dropped_twice(page, tmp_path: Path) -> None:
    """Is there once, and neither time a problem."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "twice.txt").write_text("The same words in both.", "utf-8")
    page.get_by_role("tab", name="Documents").click()
    page.set_input_files("#upload input[type=file]", [tmp_path / "a" / "twice.txt", tmp_path / "b" / "twice.txt"])
    page.locator("#importing", has_text="1 there already").wait_for()
    assert 0 == page.locator("#importing .flag").count()
