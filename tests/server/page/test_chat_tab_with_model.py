"""The Ask tab while a language model answers, in a real browser: Stop, leaving, hostile output, failures, the API key."""

from __future__ import annotations

import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ... import model_server as fake
from ...browsing import ask, opened, put, served
from ...conftest import ARTICLE
from ...test_injection import attacks
from ..conftest import QUESTION

pytestmark = pytest.mark.page

KEY = "sk-canary-Zq9w3XvT7pLm2"
CITED_REPLY = fake.says("India raised China’s rare earth restrictions with Sun Weidong [1].")
DONE = "#chat .verdict"


@dataclass
class World:
    """A served page and its model server."""

    address: str
    model: fake.ModelServer
    room: Path

    def replies(self, *replies: fake.Reply) -> None:
        """Replaces the replies of the model."""
        self.model.replies.clear()
        self.model.replies.extend(replies)
        self.model.closed.clear()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    room = tmp_path_factory.mktemp("page-model")
    (room / "seeds").mkdir()
    shutil.copy(ARTICLE, room / "seeds")
    with fake.model_server(CITED_REPLY) as model:
        environment = {"OPENAI_API_KEY": KEY, "RAG_MODEL": "m", "RAG_BASE_URL": model.url, "OPENAI_LOG": "debug"}
        with served(room, **environment) as address:
            yield World(address, model, room)
    assert KEY not in (room / "said.txt").read_text()
    assert [] == [path for path in room.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


@pytest.fixture
def page(browser, world: World) -> Iterator:
    """A visitor; fails if another host was requested, a dialog opened, a script ran, or the API key was sent."""
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    requested, errors, dialogs, responses = [], [], [], []
    context.on("request", lambda request: requested.append(request.url))
    context.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    context.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    visitor = opened(context, world.address)
    visitor.on("response", lambda response: responses.append(response))
    yield visitor
    if visitor.is_closed():
        return
    texts = [response.text() for response in responses if "queue/data" not in response.url and response.ok]
    content = visitor.content()
    ran = visitor.evaluate("window.PWN !== undefined")
    context.close()

    assert [url for url in requested if not url.startswith((world.address, "data:", "blob:"))] == []
    assert ([], [], False) == (errors, dialogs, ran)
    assert KEY not in content + "".join(texts)


def start_endless_answer(page, world: World) -> None:
    """Asks a question whose answer begins and does not end."""
    world.replies(fake.after("India raised it with him. ", fake.drips))
    ask(page, QUESTION)
    page.get_by_text("India raised it with him.").wait_for()


def test_a_model_answers(page, world: World) -> None:
    """A claim has a chip that leads to the article's words; a follow-up shows how it was understood."""
    world.replies(CITED_REPLY)
    ask(page, QUESTION)
    page.wait_for_selector("a.chip")
    assert "1 citation checked" in page.inner_text(DONE)
    assert "with Sun Weidong." in page.inner_text("#chat")

    ask(page, "Who met him?")
    page.get_by_text("understood as: Who met Sun Weidong?").wait_for()


def test_stop_closes_the_connection(page, world: World) -> None:
    """Within a second; the text so far stays, and the next question is answered."""
    start_endless_answer(page, world)
    page.click("#stop")
    stopped = time.monotonic()
    assert world.model.closed.wait(5)
    assert world.model.closed_at - stopped < 1.0
    page.locator("#chat", has_text="stopped before the answer was checked").wait_for()
    assert "India raised it with him." in page.inner_text("#chat")
    page.locator("#send").wait_for()  # nothing is left to stop
    assert not page.locator("#stop").is_visible()

    world.replies(CITED_REPLY)
    ask(page, QUESTION)
    page.wait_for_selector("a.chip")
    assert 1 == page.inner_text("#chat").count("stopped before the answer was checked")


def test_stop_before_the_first_word(page, world: World) -> None:
    """A model that has not written anything is stopped as quickly."""
    world.replies(fake.waits)
    ask(page, QUESTION)
    page.get_by_text("Reading India raises").wait_for()
    page.keyboard.press("Escape")
    stopped = time.monotonic()

    assert world.model.closed.wait(5)
    assert world.model.closed_at - stopped < 1.0


def test_switching_conversations_ends_an_answer(page, world: World) -> None:
    """The answer does not appear in the new conversation, the model is stopped, and the text so far is stored."""
    start_endless_answer(page, world)
    page.click("#new")
    assert world.model.closed.wait(5)
    page.locator("#chat .asked").wait_for(state="detached")
    page.locator("#send").wait_for()
    page.wait_for_timeout(700)
    assert 0 == page.locator("#chat .asked").count()

    page.locator("button.talk", has_text="What did India raise").first.click()
    page.locator("#chat", has_text="stopped before the answer was checked").wait_for()
    assert "India raised it with him." in page.inner_text("#chat")


def test_opening_a_malformed_conversation_ends_an_answer(page, world: World) -> None:
    """The text so far stays, marked as unchecked, and the next question can be asked."""
    start_endless_answer(page, world)
    put(page, "x", '{"id": "x", "title": "Hollow", "exchanges": []}')
    page.fill("#find-talk input, #find-talk textarea", "hollow")
    page.locator("button.talk").click()
    page.locator("#chat", has_text="stopped before the answer was checked").wait_for()
    page.locator("#send").wait_for()
    world.replies(CITED_REPLY)
    ask(page, QUESTION)
    page.wait_for_selector("a.chip")


def test_a_question_asked_at_once_in_a_new_conversation(page, world: World) -> None:
    """The new conversation, when it opens, neither clears the question box nor ends the answer."""
    first, rest = "What did India raise", " with Sun Weidong?"
    world.replies(fake.after("India raised it with him. ", fake.drips))
    page.keyboard.press("Alt+n")  # the page has just loaded: the server's response takes a second
    page.keyboard.type(first)
    page.wait_for_timeout(1500)
    assert first == page.input_value("#question textarea")

    page.keyboard.press("Alt+n")
    page.keyboard.type(rest)
    page.keyboard.press("Enter")
    page.get_by_text("India raised it with him. word word").wait_for()
    page.wait_for_timeout(700)
    assert page.locator("#stop").is_visible()  # the answer is still being written
    assert not world.model.closed.is_set()
    assert first + rest in page.inner_text("#chat .asked")


def test_leaving_closes_the_connection(page, world: World) -> None:
    """Closing the browser tab stops the model."""
    start_endless_answer(page, world)
    page.close()
    left = time.monotonic()

    assert world.model.closed.wait(10)
    assert world.model.closed_at - left < 1.0


def test_what_a_model_writes_stays_text(page, world: World, full: bool) -> None:
    """Pictures, scripts, links, forms, control characters: whatever a model writes, nothing is fetched or run."""
    seen: dict[str, fake.Reply] = {}
    for attack in attacks():
        if full or attack.name not in seen:
            seen[f"{attack.name} {len(seen)}" if full else attack.name] = fake.says(attack.obeyed("") or "x")
    seen.pop("flood", None)
    script = "<img src=http://198.51.100.7/x onerror=window.PWN=1><script>window.PWN=1</script>[x](javascript:window.PWN=1)"
    seen["script"] = fake.says(script)
    for n, (name, reply) in enumerate(seen.items(), start=1):
        world.replies(reply)
        ask(page, f"{QUESTION} ({name} {n})")
        page.locator(DONE).nth(n - 1).wait_for()

    assert page.locator("#chat img, #chat iframe, #chat form, #chat svg image, #chat script").count() == 0
    links = page.locator("#chat a, #source a").evaluate_all("all => all.map(a => a.getAttribute('href'))")
    assert [link for link in links if not re.match(r"#[ch]\d+-\d+$|/documents/\d+\?marked=[\d,-]+#marked$", link)] == []


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (fake.fails(401, "bad key"), "rejected the API key"),
        (fake.fails(500), "failed (500)"),
        (fake.fails(429, retry_after="300"), "is limiting the rate"),
    ],
    ids=["wrong key", "broken", "too often"],
)
def test_a_model_that_fails(page, world: World, reply: fake.Reply, message: str) -> None:
    """The answer is quoted instead, with citations, and the notice says why."""
    world.replies(reply)
    ask(page, QUESTION)
    page.locator("#chat .notice").wait_for(timeout=60_000)
    page.wait_for_selector("sup a.chip")
    assert "citations checked" in page.inner_text(DONE)
    notice = page.inner_text("#chat .notice")
    assert message in notice
    assert "bad key" not in notice


def test_no_route_discloses_the_key(world: World) -> None:
    """Neither the page nor the routes that describe it."""
    for path in ("/", "/config", "/gradio_api/info", "/gradio_api/startup-events", "/theme.css", "/gradio_api/app_id",
                 "/openapi.json", "/gradio_api/openapi.json", "/manifest.json", "/gradio_api/heartbeat/x"):  # fmt: skip
        try:
            with urllib.request.urlopen(world.address + path, timeout=3) as reply:
                body = reply.read(200_000) if "event-stream" not in reply.headers["content-type"] else b""
        except urllib.error.HTTPError as error:
            with error:
                body = error.read()
        assert KEY.encode() not in body
