"""Text that wants to be more than text, wherever the page shows any: nothing runs, nothing is fetched, nobody is led away.

The browser ignores the content security policy here: what holds is that every text is escaped. With the policy the page is
asked as its visitors do (test_page.py, test_page_model.py).
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from . import model_server as fake
from .browsing import ask, opened, reloaded, served
from .payloads import payloads
from .web_server import WebServer, running

pytestmark = pytest.mark.page

IN_CI = 33


@dataclass
class World:
    """A page over hostile documents, a model that writes hostile text, and the server that must never be asked."""

    address: str
    room: Path
    model: fake.ModelServer
    evil: WebServer
    texts: list[str]

    def writes(self, text: str) -> None:
        """What the model says from here on."""
        self.model.replies.clear()
        self.model.replies.append(fake.says(text))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[World]:
    room = tmp_path_factory.mktemp("hostile")
    (room / "seeds").mkdir()
    with running() as evil, fake.model_server(fake.says("x")) as model:
        texts = payloads(evil.url("/evil"))
        if not request.config.getoption("--full"):
            texts = random.Random(request.config.getoption("--seed")).sample(texts, IN_CI)
        for n, text in enumerate(texts):
            name = text.replace("/", "∕").replace("\0", "").encode()[:180].decode("utf-8", "ignore")
            told = (
                f"---\ntitle: {json.dumps(text)}\nauthor: {json.dumps(text)}\n---\nProject {n} of the zebra house. {text}\n"
            )
            (room / "seeds" / f"{n} {name}.md").write_text(told, "utf-8")
            (room / "seeds" / f"{n} {name}.pdf").write_bytes(b"%PDF-1.4 nothing")
        rows = [{"id": text, "question": f"Which house has project {n}? {text}", "answers": [text], "type": text}
                for n, text in enumerate(texts)]  # fmt: skip
        (room / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        with served(room, RAG_MODEL="m", RAG_BASE_URL=model.url) as address:
            yield World(address, room, model, evil, texts)


@pytest.fixture
def page(browser, world: World) -> Iterator:
    """A visitor whose browser ignores the policy; fails if a script ran, anyone was asked, or they were led elsewhere."""
    context = browser.new_context(bypass_csp=True, viewport={"width": 1400, "height": 900})
    happened: list[str] = []
    context.on("dialog", lambda dialog: (happened.append(f"dialog {dialog.message}"), dialog.dismiss()))
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    visitor = opened(context, world.address)
    yield visitor
    visitor.wait_for_timeout(300)  # what an attack begins may take a moment
    ran = visitor.evaluate("window.PWN !== undefined")
    stayed = visitor.url
    context.close()

    assert not ran
    assert [] == happened
    assert [] == world.evil.asked
    assert [url for url in asked if not url.startswith((world.address, "data:", "blob:"))] == []
    assert stayed.startswith(world.address)


OURS = r"#[ch]\d+-\d+$|/documents/\d+(\?marked=[\d,-]+#marked)?$|/runs/\d+(\?with=\d+)?$|#[\w-]+$"


def no_markup(page, where: str) -> None:
    """There is no element there that only a text could have brought, and no link that is not ours."""
    ours = "[src^='/documents/'], [src^='data:image/svg']"
    foreign = f"img:not({ours}), iframe, form:not(.filter), object, embed, video, audio, script, base"
    count = f"[...document.querySelectorAll(`{where}`)].reduce((n, e) => n + e.querySelectorAll(`{foreign}`).length, 0)"
    assert 0 == page.evaluate(count)
    links = page.locator(f"{where} a").evaluate_all("all => all.map(a => a.getAttribute('href'))")
    assert [link for link in links if not re.match(OURS, link or "")] == []


def test_in_questions_answers_sources_and_history(page, world: World) -> None:
    """A question, what a model writes, the passage it rests on, the list of conversations, now and after a reload."""
    for n, text in enumerate(world.texts):
        world.writes(f"It is the zebra house. {text} [1] “{text}” [1].")
        page.keyboard.press("Alt+n")
        page.locator("#chat .asked").wait_for(state="detached")
        ask(page, f"Which house has project {n}? {text}")
        page.locator("#chat .verdict").wait_for()
        if n % 4 == 0 and page.locator("sup a.chip").count():
            page.locator("sup a.chip").first.click()
        no_markup(page, "#chat")
        no_markup(page, "#source")
    reloaded(page)
    page.locator("button.talk").nth(len(world.texts[:90]) - 1).wait_for()
    no_markup(page, "#talks")
    page.locator("button.talk").nth(3).click()
    page.locator("#chat .verdict").wait_for()
    no_markup(page, "#chat")


def test_in_names_titles_and_errors(page, world: World) -> None:
    """The list of documents, with files that could not be read; what can be chosen from; an address that is none."""
    page.get_by_role("tab", name="Documents").click()
    page.locator("#documents tbody tr").nth(min(99, len(world.texts) * 2 - 1)).wait_for()
    no_markup(page, "#documents")
    assert page.locator("#documents .flag").count() > 10
    for text in world.texts[:: 1 if len(world.texts) > IN_CI else 4]:
        page.fill("#url input, #url textarea", f"https://127.0.0.1:1/{text}")
        page.keyboard.press("Enter")
        page.locator("#importing .flag").wait_for()
        no_markup(page, "#importing")
        page.locator("#documents button[id^=delete]").first.click()
        page.locator("#deleting p").wait_for()
        no_markup(page, "#deleting")
        page.get_by_role("button", name="Keep document").click()
        page.locator("#deleting").wait_for(state="hidden")
    page.get_by_role("tab", name="Ask").click()
    page.click("#scope button")
    for box in ("#only", "#where"):
        page.click(f"{box} input")
        page.get_by_role("option").nth(3).wait_for()
        page.keyboard.press("Enter")
        no_markup(page, "#scope")


def test_in_whole_documents(page, world: World) -> None:
    """A document on a page of its own is text, with its title."""
    numbers = [n for n in range(1, 4 * len(world.texts)) if page.request.get(f"{world.address}/documents/{n}").ok]
    assert len(numbers) == len(world.texts)
    for n in numbers:
        page.goto(f"{world.address}/documents/{n}?marked=3-40#marked")
        no_markup(page, "body")
        assert page.evaluate("window.PWN === undefined")


def test_in_evaluations(page, world: World) -> None:
    """Figures, every question of a run, two runs compared."""
    page.get_by_role("tab", name="Evaluate").click()
    world.writes(f"{world.texts[0]} [1]")
    for number in (1, 2):
        page.click("#set input")
        page.get_by_role("option", name="mine.jsonl").click()
        page.click("#run-set")
        page.locator(f"#result a.open[href='/runs/{number}']").wait_for(timeout=120_000)
    no_markup(page, "#result")
    for path in ("/runs/1", "/runs/2?with=1"):
        page.goto(world.address + path)
        no_markup(page, "body")
        assert page.evaluate("window.PWN === undefined")
