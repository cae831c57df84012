"""How quick the page is: from the command to the first question, from Enter to the sources, with many at once.

uv run python benchmarks/page.py [--data ../shared/data] [--rounds 3]

A real browser and real processes over 500 documents (4,000 passages) of benchmarks/world.py; prints a table in Markdown.
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
from tests.asking import Asked, Caller, flood
from tests.browsing import CHROMIUM, FLAGS, opened, served

FILES = 500
ASKED = 60
THINKS_S = 1.0  # a model, before its first word
# Milliseconds from Enter until each of these stands on the page: the question, its sources by name, the answer.
WATCH = """() => {
  const count = (selector) => document.querySelectorAll(selector).length;
  const seen = {}, asked = count("#chat .asked"), done = count("#chat .verdict");
  const look = () => {
    const now = performance.now() - window.pressed;
    const about = [...document.querySelectorAll("#chat .about")].at(-1);
    if (!seen.question && count("#chat .asked") > asked) seen.question = now;
    const last = about && about.textContent.startsWith("reading");
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
    """Measures all, and prints it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    print("| what | measured | target |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for what, measured, target in rows(given.data, Path(folder), given.rounds):
            print(f"| {what} | {measured} | {target} |", flush=True)


def rows(data: Path, room: Path, rounds: int) -> Iterator[tuple[str, str, str]]:
    """(what, figure, target)."""
    from playwright.sync_api import sync_playwright

    (room / "seeds").mkdir()
    written = World(data)
    documents = list(written.documents(2 * FILES * 8))
    for document in documents[:FILES]:
        (room / "seeds" / document.source).write_text(document.text, "utf-8")
    asked = list(questions(data, ASKED))
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        with served(room) as address:
            settle(room)
        ready = [seconds_until_ready(browser, room) for _ in range(rounds)]
        yield (
            "ready to be asked, from the start of `rag ui` to the question box in the browser",
            f"{median(ready):.1f} s",
            "8 s",
        )
        with served(room) as address:
            settle(room)
            yield from entered("", browser, address, asked)
            yield from together(address, asked)
        with fake.model_server(thinks) as model, served(room, RAG_MODEL="m", RAG_BASE_URL=model.url) as address:
            yield from entered(f", a model that thinks for {THINKS_S:.0f} s", browser, address, asked[: ASKED // 2])
        with served(room) as address:
            for document in documents[FILES:]:
                (room / "seeds" / document.source).write_text(document.text, "utf-8")
            yield from entered(f", while {FILES} files are taken in", browser, address, asked)
        browser.close()


def thinks(handler: Any) -> None:
    """Says one sentence, after a while."""
    time.sleep(THINKS_S)
    fake.says("It says so [1].")(handler)


def settle(room: Path) -> None:
    """Waits until every file has its vectors."""
    from rag import Library

    while True:
        with Library.open(room / "index", short_lived=True) as library:
            standing = library.status()
            if len(library.documents()) >= FILES and not standing.waiting:
                return
        time.sleep(0.5)


def seconds_until_ready(browser: Any, room: Path) -> float:
    """From the start of the process until the question box takes words."""
    begun = time.monotonic()
    with served(room) as address:
        page = opened(browser.new_context(), address)
        page.fill("#question textarea", "x")
        seconds = time.monotonic() - begun
        page.context.close()
    return seconds


def entered(how: str, browser: Any, address: str, asked: list[str]) -> Iterator[tuple[str, str, str]]:
    """From Enter to what a reader sees, in conversations of ten."""
    seen: list[dict[str, float]] = []
    for n, question in enumerate(asked):
        if n % 10 == 0:
            page = opened(browser.new_context(), address)
            page.wait_for_timeout(1000)
        page.fill("#question textarea", question)
        page.evaluate(WATCH)
        page.keyboard.press("Enter")
        seen.append(page.evaluate("() => window.shown"))
        page.wait_for_timeout(400)  # a reader does not ask while the page is still drawing
    for name, what, target in (
        ("question", "the question stands in the conversation", "100 ms"),
        ("sources", "the found sources stand there", "200 ms"),
        ("answer", "the answer stands there, checked", ""),
    ):  # fmt: skip
        times = sorted(one[name] for one in seen[5:])
        p50, p95 = (times[int(len(times) * share)] for share in (0.5, 0.95))
        yield f"Enter until {what}{how}", f"p50 {p50:.0f} ms, p95 {p95:.0f} ms", target


def together(address: str, asked: list[str]) -> Iterator[tuple[str, str, str]]:
    """Many programs that ask in the same moment."""
    config = Caller(address).config
    for many, target in ((20, "all served"), (50, "first words, p95: 1.5 s")):
        answers = at_once(address, config, asked, many)
        whole = sum(one.whole for one in answers)
        firsts = sorted(one.first_s for one in answers)
        yield (
            f"{many} questions in one moment",
            f"{whole} answered; first words p50 {median(firsts):.2f} s, p95 {firsts[int(many * 0.95)]:.2f} s", target,
        )  # fmt: skip
    answers = flood(Caller(address), asked[0], 500)
    refused = sorted(one.refused_s for one in answers if one.status != 200)
    begun = time.monotonic()
    while Caller(address).ask(asked[0]).status != 200:
        time.sleep(0.1)
    yield (
        "500 questions in one moment",
        f"{500 - len(refused)} let in, {len(refused)} refused after p50 {median(refused) * 1000:.0f} ms, "
        f"p95 {refused[len(refused) * 19 // 20] * 1000:.0f} ms; the next answered after {time.monotonic() - begun:.1f} s",
        "refused within 100 ms, as before within 5 s",
    )


def at_once(address: str, config: dict[str, Any], asked: list[str], many: int) -> list[Asked]:
    """What comes of so many questions of as many visitors."""
    barrier = threading.Barrier(many)
    callers = [Caller(address) for _ in range(many)]
    for caller in callers:
        caller.__dict__["config"] = config

    def call(n: int) -> Asked:
        barrier.wait()
        return callers[n].ask(asked[n % len(asked)])

    ask: Callable[[int], Asked] = call
    with ThreadPoolExecutor(many) as pool:
        return list(pool.map(ask, range(many)))


if __name__ == "__main__":
    main()
