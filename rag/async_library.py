"""Makes a library usable from asyncio programs and notebooks, by running each method of `Library` in a thread.

The rest of `rag` is synchronous. This thin wrapper around `Library` is for callers that must not block their event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from pathlib import Path
from types import TracebackType
from typing import Any

from rag.library import Library
from rag.records import (
    Answer,
    AnswerDone,
    Document,
    DocumentInfo,
    Event,
    Explanation,
    Filter,
    Hit,
    IndexStatus,
    SearchResult,
    SyncReport,
    Turn,
)


class AsyncLibrary:
    """An open library with awaitable methods. Each one raises the same errors as the `Library` method of that name.

    Args:
        library: An open library. Closing the `AsyncLibrary` also closes this library.

    Example:
        async with await AsyncLibrary.open("index") as library:
            answer = await library.ask("Who met Sun Weidong?")
    """

    def __init__(self, library: Library) -> None:
        self.library = library

    @classmethod
    async def open(cls, index: str | Path = "index", **options: Any) -> AsyncLibrary:
        """Opens an index, creating it if necessary. The `options` are the same as for `Library.open`."""
        return cls(await asyncio.to_thread(Library.open, index, **options))

    @classmethod
    async def from_environment(cls, *, trust: bool = False, **settings: object) -> AsyncLibrary:
        """Opens the index specified in rag.toml or environment variables; see `Library.from_environment`."""
        return cls(await asyncio.to_thread(lambda: Library.from_environment(trust=trust, **settings)))

    async def __aenter__(self) -> AsyncLibrary:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the library."""
        await asyncio.to_thread(self.library.close)

    async def search(
        self, question: str, k: int | None = None, *, filters: Filter | None = None, rerank: bool = False
    ) -> list[Hit]:
        """Returns the k best passages, best first."""
        return await asyncio.to_thread(self.library.search, question, k, filters=filters, rerank=rerank)

    async def search_with_timings(
        self, question: str, k: int | None = None, *, filters: Filter | None = None, rerank: bool = False
    ) -> SearchResult:
        """Returns the k best passages, the time that each stage took, and any notice for the user."""
        return await asyncio.to_thread(self.library.search_with_timings, question, k, filters=filters, rerank=rerank)

    async def ask(
        self, question: str, *, history: Sequence[Turn] = (), k: int | None = None, filters: Filter | None = None
    ) -> Answer:
        """Answers a question, with citations that resolve to exact characters. Cancelling the task stops the model."""
        async with aclosing(self.stream(question, history=history, k=k, filters=filters)) as events:
            async for event in events:
                if isinstance(event, AnswerDone):
                    return event.answer
        raise AssertionError("an answer always ends with AnswerDone")

    async def stream(
        self, question: str, *, history: Sequence[Turn] = (), k: int | None = None, filters: Filter | None = None
    ) -> AsyncGenerator[Event]:
        """Yields an answer's events as they arrive. Closing the iterator, or cancelling the task, stops the model."""
        events = self.library.stream(question, history=history, k=k, filters=filters)
        step: asyncio.Future[Event | None] | None = None
        try:
            while True:
                step = asyncio.ensure_future(asyncio.to_thread(next, events, None))
                event = await asyncio.shield(step)
                if event is None:
                    return
                yield event
        finally:
            # subtle: a generator cannot be closed while it runs in a thread, so first wait briefly until it yields.
            if step is not None and not step.done():
                await asyncio.wait([step])
            await asyncio.to_thread(events.close)

    async def explain(
        self, question: str, expected: str, *, k: int | None = None, filters: Filter | None = None
    ) -> Explanation:
        """Explains why an expected text is, or is not, in the answer to a question."""
        return await asyncio.to_thread(self.library.explain, question, expected, k=k, filters=filters)

    async def sync(self, folder: str | Path, *, prune: bool = False) -> SyncReport:
        """Syncs the library with a folder."""
        return await asyncio.to_thread(self.library.sync, folder, prune=prune)

    async def add(self, *paths: str | Path) -> SyncReport:
        """Adds files, folders or web pages."""
        return await asyncio.to_thread(self.library.add, *paths)

    async def add_bytes(self, data: bytes, name: str) -> SyncReport:
        """Adds a document, given its bytes and a file name; the name's extension determines the file type."""
        return await asyncio.to_thread(self.library.add_bytes, data, name)

    async def add_documents(self, documents: Iterable[Document]) -> SyncReport:
        """Adds documents that your program created instead of reading them from files."""
        return await asyncio.to_thread(self.library.add_documents, documents)

    async def remove(self, *sources: str) -> int:
        """Removes documents; returns the number of documents removed."""
        return await asyncio.to_thread(self.library.remove, *sources)

    async def documents(self) -> list[DocumentInfo]:
        """Lists the documents."""
        return await asyncio.to_thread(self.library.documents)

    async def document(self, source: str) -> Document:
        """Returns a document with its canonical text."""
        return await asyncio.to_thread(self.library.document, source)

    async def versions(self, source: str) -> list[DocumentInfo]:
        """Returns the other versions of a document, the newest first."""
        return await asyncio.to_thread(self.library.versions, source)

    async def status(self) -> IndexStatus:
        """Reports the contents of the index."""
        return await asyncio.to_thread(self.library.status)
