"""A model that fails in every way it can: an answer all the same, quoted or called cut off, in time and without the key."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rag import Library
from rag.answering.verification.answer_check import MARKER
from rag.records import Answer, AnswerDone, TextDelta, Turn
from rag.server.page.views import answer_view
from rag.server.page.views.conversations import Conversation, Exchange
from rag.server.page.views.markup import escaped
from rag.settings import Settings

from .. import model_server as fake
from ..asking import asked_on_the_page
from ..conftest import ARTICLE
from ..torture.world import leave_chroma_alone

pytestmark = pytest.mark.outage

KEY = "sk-canary0123456789abcdef"
QUESTION = "What did India raise with Sun Weidong?"
FIRST_S, TOTAL_S = 0.7, 1.6
TRUE = "India raised China’s rare earth restrictions with Sun Weidong [1]. "
LONG = TRUE * 20

SAID = fake.says(TRUE)
DEAD = "http://127.0.0.1:9/v1"
NOWHERE = "http://no-such-host.invalid/v1"

# name → (address or replies, statuses that are right)
FAULTS: dict[str, tuple[str | list[fake.Reply], set[str]]] = {
    "refused": (DEAD, {"degraded"}),
    "no such host": (NOWHERE, {"degraded"}),
    "slow headers": ([fake.waits], {"degraded"}),
    "slow first word": ([fake.after("", fake.waits)], {"degraded"}),
    "comments for ever": ([fake.trickles], {"degraded"}),
    "words for ever": ([fake.drips], {"incomplete"}),
    "wrong key": ([fake.fails(401, f"Incorrect API key provided: {KEY}")], {"degraded"}),
    "no permission": ([fake.fails(403, f"project of {KEY}")], {"degraded"}),
    "wrong model": ([fake.fails(404, "model not found")], {"degraded"}),
    "bad request": ([fake.fails(400, "no")], {"degraded"}),
    "takes less text": ([fake.takes_at_most(2, SAID)], {"answered"}),
    "takes no text": ([fake.takes_at_most(0, SAID)], {"degraded"}),
    "no quota": ([fake.fails(429, "quota", code="insufficient_quota")], {"degraded"}),
    "busy for long": ([fake.fails(429, "slow down", retry_after="200")], {"degraded"}),
    "busy for a moment": ([fake.fails(429, "slow down", retry_after="0"), SAID], {"answered"}),
    "stumbles once": ([fake.fails(503, "starting"), SAID], {"answered"}),
    "always stumbles": ([fake.fails(500, f"secret {KEY} inside")], {"degraded"}),
    "a login page": ([fake.page], {"degraded"}),
    "no streaming": ([fake.whole(TRUE)], {"answered"}),
    "no text at all": ([fake.whole(None)], {"degraded"}),
    "half a JSON": ([fake.body(200, "application/json", b'{"choices": [{"mess')], {"degraded"}),
    "an error in the stream": ([fake.after("", fake.error_in_stream)], {"degraded"}),
    "reset": ([fake.after("", fake.cut)], {"degraded"}),
    "redirected to nowhere": ([fake.body(307, "text/plain", b"", location=DEAD + "/chat/completions")], {"degraded"}),
    "an older server": ([fake.counts_no_tokens(SAID)], {"answered"}),
}


@dataclass
class Shown:
    """What somebody got to see."""

    status: str
    text: str  # all of it: answer, notice, sources


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("outage") / "index"
    with Library.open(made, short_lived=True) as library:
        leave_chroma_alone(library)
        library.sync(ARTICLE.parent)
    return made


def settings(url: str, **others: Any) -> Settings:
    return Settings(model="m", base_url=url, api_key=KEY, **{"first_token_s": FIRST_S, "total_s": TOTAL_S, **others})


def by_python(index: Path, url: str, history: tuple[Turn, ...] = ()) -> Shown:
    with Library.open(index, settings(url), short_lived=True) as library:
        answer = library.ask(QUESTION, history=history)
    return Shown(answer.status, repr(answer))


def by_stream(index: Path, url: str) -> Shown:
    with Library.open(index, settings(url), short_lived=True) as library:
        *events, last = library.stream(QUESTION)
    assert isinstance(last, AnswerDone)
    said = "".join(event.text for event in events if isinstance(event, TextDelta))
    if last.answer.status != "degraded":
        assert said.split() == TRUE.split() or last.answer.status == "incomplete"
    return Shown(last.answer.status, repr(last.answer))


def by_page(index: Path, url: str, turns: tuple[Turn, ...] = ()) -> Shown:
    before = Conversation(
        "1", "", tuple(Exchange(t.question, Answer(t.question, t.answer, "answered", (), (), (), 1, "m")) for t in turns)
    )
    with Library.open(index, settings(url), short_lived=True) as library:
        chat, source, after = asked_on_the_page(library, QUESTION, before)
        answered = after.turns[len(turns) :]
    text = f"{chat[-1]['content']} {source}"
    assert answered
    cut, quoted = escaped("cut off"), escaped("word for word")
    return Shown("incomplete" if cut in text else "degraded" if quoted in text else "answered", text)


def by_page_again(index: Path, url: str) -> Shown:
    return by_page(index, url, (Turn("Who came?", "Sun Weidong."),))


def command(index: Path, url: str, *words: str, **options: Any) -> dict[str, Any]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("RAG_", "OPENAI_"))}
    environment |= {"OPENAI_API_KEY": KEY, "RAG_FIRST_TOKEN_S": str(FIRST_S), "RAG_TOTAL_S": str(TOTAL_S),
                    "RAG_STATE": str(index.parent / "state"), "RAG_INDEX": str(index)}  # fmt: skip
    argv = [sys.executable, "-m", "rag.cli", "--base-url", url, "--model", "m", "ask", QUESTION, "--no-sync", *words]
    return {"args": argv, "env": environment, "cwd": index.parent, "text": True, **options}


def by_command(index: Path, url: str) -> Shown:
    done = subprocess.run(**command(index, url), capture_output=True, timeout=60, check=False)
    assert 0 == done.returncode
    text = done.stdout + done.stderr
    assert "Traceback" not in text
    return Shown("incomplete" if "cut off" in text else "degraded" if "word for word" in text else "answered", text)


def by_json(index: Path, url: str) -> Shown:
    done = subprocess.run(**command(index, url, "--json"), capture_output=True, timeout=60, check=False)
    assert 0 == done.returncode
    assert "Traceback" not in done.stderr
    return Shown(json.loads(done.stdout)["status"], done.stdout + done.stderr)


WAYS: list[Callable[[Path, str], Shown]] = [by_python, by_stream, by_page, by_page_again]
COMMANDS: list[Callable[[Path, str], Shown]] = [by_command, by_json]


def survives(index: Path, fault: str, way: Callable[[Path, str], Shown]) -> None:
    replies, right = FAULTS[fault]
    begun = time.monotonic()
    if isinstance(replies, str):
        shown = way(index, replies)
    else:
        with fake.model_server(*replies) as server:
            shown = way(index, server.url)
    took = time.monotonic() - begun

    assert shown.status in right, shown.text
    assert KEY not in shown.text
    if "incomplete" not in right:  # what a model babbles has no citation
        assert "rare earth" in shown.text
        assert "Sun Weidong" in shown.text
    assert took < 20, f"{took:.1f} s"


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_ends_in_an_answer(index: Path, fault: str, full: bool) -> None:
    """What the documents say, or what the model said, with a plain notice; by each way of asking in the full run."""
    for way in WAYS if full else [WAYS[list(FAULTS).index(fault) % len(WAYS)]]:
        survives(index, fault, way)


@pytest.mark.process
@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_on_the_command_line(index: Path, fault: str, full: bool) -> None:
    """The same for `rag ask`; a few of them in a short run."""
    for n, way in enumerate(COMMANDS):
        if full or list(FAULTS).index(fault) % 8 == n:
            survives(index, fault, way)


def cuts() -> dict[str, fake.Reply]:
    """Ways in which a reply ends before it is whole."""
    return {
        "no end": lambda _: None,
        "done without a reason": lambda handler: handler.event(b"[DONE]"),
        "reset": fake.cut,
        "half a line": lambda handler: handler.wfile.write(b'data: {"id": "x", "choi'),
        "no JSON": lambda handler: handler.event(b"{nonsense"),
        "an error": fake.error_in_stream,
        "too long": lambda handler: (handler.said("", "length"), handler.event(b"[DONE]")),
        "filtered": lambda handler: (handler.said("", "content_filter"), handler.event(b"[DONE]")),
        "silence": fake.waits,
    }


@pytest.mark.parametrize("way", cuts())
def test_a_cut_answer_is_never_shown_as_whole(index: Path, way: str, full: bool) -> None:
    """Wherever it is cut, what was said is kept, called cut off, and its citations are checked; nothing said is quoted."""
    positions = [n * len(LONG) // 20 for n in range(20)] if full else [0, len(LONG) // 3]
    for at in positions:
        with (
            fake.model_server(fake.after(LONG[:at], cuts()[way])) as server,
            Library.open(index, settings(server.url, total_s=20), short_lived=True) as library,
        ):
            answer = library.ask(QUESTION)
            assert ("incomplete" if LONG[:at].strip() else "degraded") == answer.status, (way, at)
            assert KEY not in repr(answer)
            if answer.status == "incomplete":
                assert MARKER.sub("", LONG[:at].strip()) == MARKER.sub("", answer.text)
                assert "cut off" in answer.notice
                assert escaped("cut off") in answer_view.answer_markup(1, answer)
            for c in answer.citations:
                assert library.document(c.source).text[c.start : c.end] == c.quote


def stopped_by_closing(index: Path, url: str, ready: Callable[[], bool]) -> float:
    """Closes the answer's iterator, as the page does; returns when."""
    with Library.open(index, settings(url, first_token_s=20, total_s=60), short_lived=True) as library:
        events = library.stream(QUESTION)
        for _ in events:
            if ready():
                break
        at = time.monotonic()
        events.close()
        return at


def stopped_by_ctrl_c(index: Path, url: str, ready: Callable[[], bool]) -> float:
    """Ctrl-C on the command line."""
    asked = command(index, url, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    asked["env"] |= {"RAG_FIRST_TOKEN_S": "20", "RAG_TOTAL_S": "60"}
    with subprocess.Popen(**asked) as process:
        while not ready():
            time.sleep(0.02)
        time.sleep(0.3)
        at = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
        assert 130 == process.returncode
        assert "Traceback" not in err
    return at


STAGES = {
    "before the headers": fake.waits,
    "before the first word": fake.after("", fake.waits),
    "between two words": fake.drips,
    "in a silence": fake.after("It is so", fake.waits),
}


@pytest.mark.parametrize("stage", STAGES)
def test_stop_closes_the_connection(index: Path, stage: str, full: bool) -> None:
    """Within a second, whatever the model is doing."""
    for _ in range(8 if full else 1):
        with fake.model_server(STAGES[stage]) as server:
            at = stopped_by_closing(index, server.url, lambda server=server: bool(server.requests))
            assert server.closed.wait(5)
            assert server.closed_at - at < 1


@pytest.mark.process
@pytest.mark.parametrize("stage", STAGES)
def test_ctrl_c_closes_the_connection(index: Path, stage: str, full: bool) -> None:
    """The same on the command line, which ends with 130 and one line."""
    for _ in range(7 if full else 1):
        with fake.model_server(STAGES[stage]) as server:
            at = stopped_by_ctrl_c(index, server.url, lambda server=server: bool(server.requests))
            assert server.closed.wait(5)
            assert server.closed_at - at < 1


def test_a_small_window_is_asked_with_less(index: Path) -> None:
    """Passages are halved until the model takes them; markers still lead to what it was shown."""
    with fake.model_server(fake.takes_at_most(1, fake.says("India raised rare earths [1] and more [2]."))) as server:
        shown = by_python(index, server.url)
        asked = [r["body"]["messages"][-1]["content"].count("<passage ") for r in server.requests]

    assert "answered" == shown.status
    assert asked == sorted(asked, reverse=True)
    assert 1 == asked[-1]
    assert "unknown marker" in shown.text


def test_usage_and_thoughts(index: Path) -> None:
    """Tokens are counted as the server says; what is thought aloud is no answer."""
    with fake.model_server(fake.says("<thi", "nk>Let me see [3].</th", "ink>\n\n", TRUE)) as server:
        with Library.open(index, settings(server.url), short_lived=True) as library:
            answer: Answer = library.ask(QUESTION)
        assert TRUE.strip() == answer.text
        assert () == answer.flags
    with (
        fake.model_server(fake.whole(TRUE)) as server,
        Library.open(index, settings(server.url), short_lived=True) as library,
    ):
        assert {"total_tokens": 7} == library.ask(QUESTION).usage
    with fake.model_server(fake.says("<think>never ends")) as server:
        assert "degraded" == by_python(index, server.url).status


@pytest.fixture(autouse=True)
def quiet_threads() -> Iterator[None]:
    """No request outlives its answer by more than a moment."""
    import threading

    yield
    ends = time.monotonic() + 5
    while any(thread.name == "model" for thread in threading.enumerate()) and time.monotonic() < ends:
        time.sleep(0.02)
    assert [] == [thread.name for thread in threading.enumerate() if thread.name == "model"]
