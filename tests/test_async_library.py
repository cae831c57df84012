"""AsyncLibrary: each method once, events as they come, answers that are abandoned, and questions side by side."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag import AsyncLibrary, Document, Library, QuestionError, Settings
from rag.errors import ClosedError
from rag.records import AnswerDone, Event, Filter, SourcesFound, TextDelta, Turn

from . import model_server as fake
from .torture.world import leave_chroma_alone

QUESTION = "Where does the Danube end?"
DROPPED_S = 5.0  # until a server notices that a connection was closed


@contextlib.contextmanager
def with_model(folder: Path, reply: fake.Reply) -> Iterator[tuple[fake.ModelServer, AsyncLibrary]]:
    """A library of one document whose model follows a script."""
    with fake.model_server(reply) as server:
        settings = Settings(model="m", base_url=server.url)
        with Library.open(folder / "index", settings, short_lived=True) as library:
            leave_chroma_alone(library)
            library.add_documents([Document("The Danube ends in the Black Sea.", "Rivers", source="rivers.txt")])
            yield server, AsyncLibrary(library)


def test_every_method(tmp_path: Path, folder: Path) -> None:
    """Each returns what its counterpart of `Library` returns."""

    async def use() -> None:
        async with await AsyncLibrary.open(tmp_path / "index", short_lived=True) as library:
            leave_chroma_alone(library.library)
            assert 3 == (await library.sync(folder)).added
            assert 3 == (await library.sync(folder, prune=True)).unchanged
            assert 1 == (await library.add(folder / "rivers.txt")).unchanged
            assert 1 == (await library.add_bytes(b"The Rhine ends in the North Sea.", "rhine.txt")).added
            assert 1 == (await library.add_documents([Document("The Nile is long.", "Nile", source="nile")])).added
            assert 5 == (await library.status()).documents == len(await library.documents())
            assert "The Nile is long." == (await library.document("nile")).text

            (hit,) = await library.search("Nile", 1)
            assert "nile" == hit.source
            timed = await library.search_with_timings("Nile", 1, filters=Filter(sources=("nile",)))
            assert (hit.source, True) == (timed.hits[0].source, "embed" in timed.timings_ms)

            answer = await library.ask(QUESTION)
            assert "It ends in the Black Sea." in answer.text
            assert answer.text == library.library.ask(QUESTION).text
            follow_up = await library.ask("And the Rhine?", history=[Turn(QUESTION, answer.text)], k=3)
            assert "Where does the Rhine end?" == follow_up.searched
            assert "cited" == (await library.explain(QUESTION, "It ends in the Black Sea.")).stage
            assert 1 == await library.remove("nile")

    asyncio.run(use())


def test_from_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The index and the settings are those that the environment names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RAG_INDEX", str(tmp_path / "elsewhere"))

    async def use() -> tuple[Path, int]:
        async with await AsyncLibrary.from_environment(k=3) as library:
            return library.library.folder, library.library.settings.k

    assert (tmp_path / "elsewhere", 3) == asyncio.run(use())


def test_errors_are_those_of_the_library(tmp_path: Path) -> None:
    """An awaited method raises what its counterpart raises; leaving the block closes the library."""

    async def use() -> AsyncLibrary:
        async with await AsyncLibrary.open(tmp_path / "index", short_lived=True) as library:
            with pytest.raises(QuestionError):
                await library.ask(" ")
        return library

    closed = asyncio.run(use())
    with pytest.raises(ClosedError):
        asyncio.run(closed.search("anything"))


def test_stream_yields_events_as_they_come(tmp_path: Path) -> None:
    """Sources first, then text while the model is still writing, then the complete answer."""
    go_on = threading.Event()

    def reply(handler: fake.Handler) -> None:
        handler.begin()
        handler.said("It ends in the Black ")
        go_on.wait(10)
        handler.said("Sea [1].")
        handler.said("", "stop")

    async def use(library: AsyncLibrary) -> list[Event]:
        events = []
        async for event in library.stream(QUESTION):
            events.append(event)
            if isinstance(event, TextDelta) and event.text:
                go_on.set()
        return events

    with with_model(tmp_path, reply) as (_, library):
        first, *_, last = events = asyncio.run(use(library))
    assert isinstance(first, SourcesFound)
    assert isinstance(last, AnswerDone)
    assert "It ends in the Black Sea [1]." == last.answer.text
    assert last.answer.text == "".join(event.text for event in events if isinstance(event, TextDelta))


def test_closing_a_stream_early_stops_the_model(tmp_path: Path) -> None:
    """The connection is dropped while the server is still writing, and the library answers the next question."""

    async def use(library: AsyncLibrary) -> None:
        events = library.stream(QUESTION)
        async for event in events:
            if isinstance(event, TextDelta) and event.text:
                break
        await events.aclose()

    with with_model(tmp_path, fake.drips) as (server, library):
        asyncio.run(use(library))
        assert server.closed.wait(DROPPED_S)
        server.replies[0] = fake.says("The Black Sea [1].")
        assert "The Black Sea [1]." == asyncio.run(library.ask(QUESTION)).text


@pytest.mark.parametrize(
    "reply", [fake.drips, fake.after("It ends ", fake.waits)], ids=["while it writes", "while it waits"]
)
@pytest.mark.parametrize("method", ["ask", "stream"])
def test_cancelling_a_task_stops_the_model(tmp_path: Path, method: str, reply: fake.Reply) -> None:
    """The connection is dropped, whether the model is writing or silent, and the library answers the next question."""

    async def ask(library: AsyncLibrary, started: asyncio.Event) -> None:
        if method == "ask":
            await library.ask(QUESTION)
        async for event in library.stream(QUESTION):
            if isinstance(event, TextDelta) and event.text:
                started.set()

    async def use(server: fake.ModelServer, library: AsyncLibrary) -> None:
        started = asyncio.Event()
        task = asyncio.create_task(ask(library, started))
        if method == "stream":
            await asyncio.wait_for(started.wait(), 30)
        while not server.requests:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(server.closed.wait, DROPPED_S)

    with with_model(tmp_path, reply) as (server, library):
        asyncio.run(use(server, library))
        server.replies[0] = fake.says("The Black Sea [1].")
        assert "The Black Sea [1]." == asyncio.run(library.ask(QUESTION)).text


def test_a_timeout_stops_the_model(tmp_path: Path) -> None:
    """`asyncio.wait_for` gives up on an answer, and its connection is dropped."""
    with with_model(tmp_path, fake.trickles) as (server, library):
        with pytest.raises(TimeoutError):
            asyncio.run(asyncio.wait_for(library.ask(QUESTION), 0.5))
        assert server.closed.wait(DROPPED_S)


def test_two_questions_at_once(tmp_path: Path) -> None:
    """Both are with the model at the same time, and the event loop stays free."""
    together = threading.Barrier(2)

    def reply(handler: fake.Handler) -> None:
        together.wait(20)  # a question that waits for the other to end breaks the barrier
        fake.says("The Black Sea [1].")(handler)

    async def use(library: AsyncLibrary) -> tuple[list[str], int]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0.001)

        ticking = asyncio.create_task(tick())
        answers = await asyncio.gather(library.ask(QUESTION), library.ask("Which sea does the Danube reach?"))
        ticking.cancel()
        return [answer.text for answer in answers], ticks

    with with_model(tmp_path, reply) as (server, library):
        texts, ticks = asyncio.run(use(library))
    assert ["The Black Sea [1]."] * 2 == texts
    assert 2 == len(server.requests)
    assert ticks > 10
