"""Many at once: nobody gets another's words, what is too much is refused at once, and who leaves costs nothing more."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import pytest

from rag import Library

from . import model_server as fake
from .asking import Caller, CallResult, flood
from .browsing import Served, ask, opened, served

pytestmark = pytest.mark.page

CALLERS, VISITORS = 50, 10
AN_ANSWER = 20_000  # bytes that an answer takes in its conversation, with its passages and its markup (measured: 15,000)


def station(n: int) -> tuple[str, str]:
    """(name, keeper) of a station; each keeper stands in one document only."""
    syllables = ("ba", "ko", "fu", "li", "de", "ma", "ro", "tu")
    return "".join(syllables[(n >> shift) & 7] for shift in (3, 0, 3, 6)).capitalize() + "rn", f"Canary{n:03}keeper"


@pytest.fixture
def stations(tmp_path: Path) -> Path:
    """A room with a document for each who asks."""
    (tmp_path / "seeds").mkdir()
    for n in range(CALLERS + VISITORS):
        name, keeper = station(n)
        (tmp_path / "seeds" / f"{n}.txt").write_text(f"The keeper of the {name} station is {keeper}.\n", "utf-8")
    return tmp_path


def canaries(text: str) -> set[str]:
    return set(re.findall(r"Canary\d{3}keeper", text))


def settled(address: str) -> None:
    """Waits until the last document has been taken in."""
    name, keeper = station(CALLERS + VISITORS - 1)
    until = time.monotonic() + 60
    while keeper not in Caller(address).ask(f"Who is the keeper of the {name} station?").conversation:
        assert time.monotonic() < until
        time.sleep(0.2)


@dataclass
class Crowd:
    """Programs that ask about their own station again and again, while documents are taken in."""

    address: Served
    seeds: Path
    ended: threading.Event = field(default_factory=threading.Event)
    answers: list[tuple[int, CallResult]] = field(default_factory=list)
    usage: list[tuple[int, int]] = field(default_factory=list)  # the server's memory in bytes and its handles, in order

    def calls(self, n: int) -> None:
        caller = Caller(self.address)
        while not self.ended.is_set():
            self.answers.append((n, caller.ask(f"Who is the keeper of the {station(n)[0]} station?")))
            time.sleep(0.5)  # a reader reads

    def imports(self) -> None:
        n = 0
        while not self.ended.wait(1):
            n += 1
            (self.seeds / f"more{n}.txt").write_text(f"The otters of lake {n} sleep in rafts.\n" * 50, "utf-8")

    def watches(self) -> None:
        while not self.ended.wait(0.5):
            self.usage.append((self.address.memory(), self.address.handles()))

    def grown(self) -> tuple[int, int]:
        """Returns by how much memory, in bytes, and handles grew from the second quarter of the time to the last."""
        quarter = len(self.usage) // 4
        early, late = (zip(*part, strict=True) for part in (self.usage[quarter : 2 * quarter], self.usage[-quarter:]))
        memory, handles = (int(median(after) - median(before)) for before, after in zip(early, late, strict=True))
        return memory, handles


def look(pages: list, seconds: float) -> None:
    """Browsers that do so, too."""
    until, turns = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        turns += 1
        for n, page in enumerate(pages, start=CALLERS):
            ask(page, f"Who is the keeper of the {station(n)[0]} station?")
        for page in pages:
            page.locator("#chat .verdict").nth(turns - 1).wait_for(timeout=60_000)


def test_nobody_gets_anothers_answer(browser, stations: Path, full: bool) -> None:
    """Fifty programs and ten browsers ask while documents are imported: each learns of its own station, completely.

    In ten minutes, memory and handles do not grow once the caches are filled, except by the conversations themselves.
    """
    # With one sentence in an answer, because a second one could be about a station with a similar name.
    with served(stations, RAG_SENTENCES="1") as address:
        settled(address)
        pages = [opened(browser.new_context(), address) for _ in range(VISITORS)]
        crowd = Crowd(address, stations / "seeds")
        with ThreadPoolExecutor(CALLERS + 2) as pool:
            working = [pool.submit(crowd.calls, n) for n in range(CALLERS)]
            working += [pool.submit(crowd.imports), pool.submit(crowd.watches)]
            try:
                look(pages, 600 if full else 15)
            finally:
                crowd.ended.set()
            for one in working:
                one.result()
        shown = [page.inner_text("#chat") + page.inner_text("#source") for page in pages]
        for page in pages:
            page.context.close()

    assert len(crowd.answers) > CALLERS
    assert {200} == {asked.status for _, asked in crowd.answers}
    assert all(asked.whole for _, asked in crowd.answers)
    told = [(n, asked.conversation) for n, asked in crowd.answers]
    for n, text in [*told, *enumerate(shown, start=CALLERS)]:
        assert {station(n)[1]} == canaries(text)
    assert "Traceback" not in (stations / "said.txt").read_text()
    memory, handles = crowd.grown()
    print(
        f"{len(crowd.answers)} answers; {crowd.usage[0]} to {crowd.usage[-1]}; grown by {memory} bytes, {handles} handles"
    )
    if full:
        between = len(crowd.answers) / 2  # from the middle of the second quarter to that of the last, and some more
        assert memory < 30e6 + between * AN_ANSWER
        assert handles < 10


def test_too_much_is_refused_at_once(stations: Path) -> None:
    """Of five hundred questions at once some wait, the others are told when to come again; then all is as before."""
    with served(stations) as address:
        settled(address)
        before = address.memory()
        answers = flood(Caller(address), "Who is the keeper of the Bakobaburn station?", 500)
        refused = [asked for asked in answers if asked.status != 200]

        assert {429, 503} >= {asked.status for asked in refused}
        assert all(int(asked.retry_after) >= 1 for asked in refused)
        assert refused
        assert len(answers) - len(refused) >= 20
        until = time.monotonic() + 60
        while Caller(address).ask("Who keeps it?").status != 200:
            assert time.monotonic() < until
            time.sleep(0.1)
        settled(address)
        assert address.memory() - before < 300e6


@pytest.fixture
def slow_model() -> Iterator[fake.ModelServer]:
    with fake.model_server(fake.after("The keeper is known. ", fake.drips)) as model:
        yield model


def test_a_program_that_hangs_up_stops_the_model(stations: Path, slow_model: fake.ModelServer, full: bool) -> None:
    """The connection to the model is closed within a second, every time, and the place it took is free."""
    with served(stations, RAG_MODEL="m", RAG_BASE_URL=slow_model.url) as address:
        for _ in range(60 if full else 2):
            slow_model.closed.clear()
            Caller(address).ask("Who is the keeper of the Bakobaburn station?", lambda said: "is known" in said)
            left = time.monotonic()
            assert slow_model.closed.wait(10)
            assert slow_model.closed_at - left < 1.0
        with ThreadPoolExecutor(25) as pool:  # more than are answered side by side
            list(pool.map(lambda _: Caller(address).ask("Who keeps it?", lambda said: "is known" in said), range(25)))


def test_it_ends_while_documents_are_taken_in(tmp_path: Path) -> None:
    """Ctrl-C does not wait until all are in; what is in stays."""
    (tmp_path / "seeds").mkdir()
    words = "The otters of lake {n} sleep in rafts, and the keeper counts them in the morning of day {k}."
    for n in range(600):
        text = " ".join(words.format(n=n, k=k) for k in range(120))
        (tmp_path / "seeds" / f"{n}.txt").write_text(text, "utf-8")
    with served(tmp_path):
        until = time.monotonic() + 60
        while not documents_of(tmp_path):
            assert time.monotonic() < until
            time.sleep(0.2)
    assert 0 < documents_of(tmp_path) < 600


def documents_of(room: Path) -> int:
    if not (room / "index").exists():
        return 0
    with Library.open(room / "index", short_lived=True) as library:
        return library.status().documents
