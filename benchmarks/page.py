"""Measures the page: from the command to the first question, from Enter to sources and answer, and under load.

uv run python benchmarks/page.py [--data ../shared/data] [--rounds 3]

Uses a real browser and real processes over 500 documents (4,000 passages) of benchmarks/world.py. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from world import World, questions

from tests import model_server as fake
from tests.asking import Caller, CallResult, flood
from tests.browsing import CHROMIUM, FLAGS, opened, served

FILES = 500
ASKED = 60
THINKS_S = 1.0  # of the fake model, before its first word
# Milliseconds from Enter until each of these is on the page: the question, the names of its sources, the answer.
WATCH = """() => {
  const count = (selector) => document.querySelectorAll(selector).length;
  const seen = {}, asked = count("#chat .asked"), done = count("#chat .verdict");
  const look = () => {
    const now = performance.now() - window.pressed;
    const about = [...document.querySelectorAll("#chat .about")].at(-1);
    if (!seen.question && count("#chat .asked") > asked) seen.question = now;
    const last = about && about.textContent.startsWith("Reading");
    const answered = count("#chat .verdict") > done;
    if (!seen.sources && seen.question && (last || answered)) seen.sources = now;
    if (!seen.answer && answered) { seen.answer = now; watching.disconnect(); resolved(seen); }
  };
  const watching = new MutationObserver(look);
  let resolved;
  window.shown = new Promise((resolve) => (resolved = resolve));
  document.addEventListener("keydown", () => (window.pressed = performance.now()), { once: true, capture: true });
  watching.observe(document.body, { childList: true, subtree: true, characterData: true });
}"""


def main() -> None:
    """Prints one row for each measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print("| what | measured | target |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for what, measured, target in rows(arguments.data, Path(folder), arguments.rounds):
            print(f"| {what} | {measured} | {target} |", flush=True)


def rows(data: Path, room: Path, rounds: int) -> Iterator[tuple[str, str, str]]:
    """Yields (what, measured, target)."""
    from playwright.sync_api import sync_playwright

    (room / "seeds").mkdir()
    documents = list(World(data).documents(2 * FILES * 8))
    for document in documents[:FILES]:
        (room / "seeds" / document.source).write_text(document.text, "utf-8")
    texts = list(questions(data, ASKED))
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        with served(room) as address:
            settle(room)
        ready = [seconds_until_ready(browser, room) for _ in range(rounds)]
        yield "from the start of `rag ui` to the question box in the browser", f"{median(ready):.1f} s", "8 s"
        with served(room) as address:
            settle(room)
            yield from enter_to_page("", browser, address, texts)
            yield from under_load(address, texts)
        with fake.model_server(thinks) as model, served(room, RAG_MODEL="m", RAG_BASE_URL=model.url) as address:
            yield from enter_to_page(f", a model that thinks for {THINKS_S:.0f} s", browser, address, texts[: ASKED // 2])
        with served(room) as address:
            for document in documents[FILES:]:
                (room / "seeds" / document.source).write_text(document.text, "utf-8")
            yield from enter_to_page(f", during an import of {FILES} files", browser, address, texts)
        browser.close()


def thinks(handler: Any) -> None:
    """Replies with one sentence after `THINKS_S`."""
    time.sleep(THINKS_S)
    fake.says("It says so [1].")(handler)


def settle(room: Path) -> None:
    """Waits until every file has vectors."""
    from rag import Library

    while True:
        with Library.open(room / "index", short_lived=True) as library:
            if len(library.documents()) >= FILES and not library.status().waiting:
                return
        time.sleep(0.5)


def seconds_until_ready(browser: Any, room: Path) -> float:
    """Returns the time from the start of the process until the question box accepts text."""
    started = time.monotonic()
    with served(room) as address:
        page = opened(browser.new_context(), address)
        page.fill("#question textarea", "x")
        seconds = time.monotonic() - started
        page.context.close()
    return seconds


def enter_to_page(condition: str, browser: Any, address: str, texts: list[str]) -> Iterator[tuple[str, str, str]]:
    """Yields the times from Enter to what a reader sees, in conversations of ten questions."""
    seen: list[dict[str, float]] = []
    for n, question in enumerate(texts):
        if n % 10 == 0:
            page = opened(browser.new_context(), address)
            page.wait_for_timeout(1000)
        page.fill("#question textarea", question)
        page.evaluate(WATCH)
        page.keyboard.press("Enter")
        seen.append(page.evaluate("() => window.shown"))
        page.wait_for_timeout(400)  # readers do not ask while the page is still drawing
    for name, what, target in (
        ("question", "the question is on the page", "100 ms"),
        ("sources", "its sources are on the page", "200 ms"),
        ("answer", "its verified answer is on the page", ""),
    ):  # fmt: skip
        times = sorted(one[name] for one in seen[5:])
        p50, p95 = (times[int(len(times) * share)] for share in (0.5, 0.95))
        yield f"Enter until {what}{condition}", f"p50 {p50:.0f} ms, p95 {p95:.0f} ms", target


def under_load(address: str, texts: list[str]) -> Iterator[tuple[str, str, str]]:
    """Yields the times of many programs that ask at the same moment."""
    config = Caller(address).config
    for many, target in ((20, "all served"), (50, "first words, p95: 1.5 s")):
        answers = at_once(address, config, texts, many)
        whole = sum(one.whole for one in answers)
        firsts = sorted(one.first_s for one in answers)
        yield (
            f"{many} questions at one moment",
            f"{whole} answered; first words p50 {median(firsts):.2f} s, p95 {firsts[int(many * 0.95)]:.2f} s", target,
        )  # fmt: skip
    answers = flood(Caller(address), texts[0], 500)
    refused = sorted(one.refused_s for one in answers if one.status != 200)
    started = time.monotonic()
    while Caller(address).ask(texts[0]).status != 200:
        time.sleep(0.1)
    yield (
        "500 questions at one moment",
        f"{500 - len(refused)} accepted, {len(refused)} refused after p50 {median(refused) * 1000:.0f} ms, "
        f"p95 {refused[len(refused) * 19 // 20] * 1000:.0f} ms; the next answered after {time.monotonic() - started:.1f} s",
        "refused within 100 ms, normal again within 5 s",
    )


def at_once(address: str, config: dict[str, Any], texts: list[str], many: int) -> list[CallResult]:
    """Asks as many questions at once, each as a visitor of its own; returns the outcomes."""
    barrier = threading.Barrier(many)
    callers = [Caller(address) for _ in range(many)]
    for caller in callers:
        caller.__dict__["config"] = config

    def call(n: int) -> CallResult:
        barrier.wait()
        return callers[n].ask(texts[n % len(texts)])

    ask: Callable[[int], CallResult] = call
    with ThreadPoolExecutor(many) as pool:
        return list(pool.map(ask, range(many)))


if __name__ == "__main__":
    main()
