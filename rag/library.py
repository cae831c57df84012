"""The opened whole: one index folder with its settings. Puts the parts together by plain constructor calls.

Parts that load something heavy are made when they are first needed, so that `rag ls` does not wait for an embedder.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from types import TracebackType

from rag import __version__
from rag.answer import Ask, Event, Finished
from rag.catalog import Catalog
from rag.dense import Dense, Generations
from rag.errors import EmbedderChangedError, StorageError
from rag.files import look_at, read_bytes, shown_name, walk
from rag.ingest import REMOVED, Ingest
from rag.locks import NamedLock
from rag.ports import Embedder, Splitter, Writer
from rag.records import Answer, Document, DocumentInfo, Filter, Health, Hit, Progress, SyncReport, Turn
from rag.search import Search
from rag.settings import SHIPPED_EMBEDDER, Settings
from rag.stored import FileSeen, Found

_log = logging.getLogger(__name__)

_PATIENCE_S = 600.0  # imports take turns: how long one waits for the other
# A process that asks once leaves fewer changes than this to the next one that holds Chroma; until then they are scanned.
_FILL_AT_LEAST = 1_000
# Up to this many vectors a process that asks once is faster by scanning them all than by importing Chroma (1.5 s).
_SCAN_UNASKED = 200_000


def _quiet(progress: Progress) -> None:
    """Reports to nobody."""


class Library:
    """Documents, and what can be asked of them. Safe to share between threads; close it when done.

    Open one with `Library.open`.
    """

    def __init__(
        self,
        folder: Path,
        settings: Settings,
        catalog: Catalog,
        *,
        asks_once: bool,
        writer: Writer | None,
        splitter: Splitter | None,
    ) -> None:
        self.folder = folder
        self._given_writer = writer
        self._given_splitter = splitter
        self.settings = settings
        self._catalog = catalog
        self._asks_once = asks_once
        lock = NamedLock(folder / "chroma.lock", "searching through Chroma")
        self._dense = Dense(catalog, lock, lambda: _chroma(folder / "chroma"))
        self._search = Search(catalog, self._dense, lambda: self._embedder, _common_stems())
        self._making = threading.RLock()
        self._tried_chroma = False
        self._changed = False

    @classmethod
    def open(
        cls,
        index: str | Path = "index",
        settings: Settings | None = None,
        *,
        asks_once: bool = False,
        writer: Writer | None = None,
        splitter: Splitter | None = None,
    ) -> Library:
        """Opens an index, or makes it.

        Args:
            index: Its folder.
            settings: The defaults if left out; no file and no environment is read here.
            asks_once: The process ends after a question or two: Chroma is only loaded where it pays.
            writer: Writes the answers in place of the model of the settings; `rag.llama.LlamaWriter` takes any of
                LlamaIndex's.
            splitter: Cuts documents taken in from here on, in place of the shipped one; `rag.llama` has LlamaIndex's.

        Raises:
            StorageError: The folder cannot be made or written.
            IndexDamagedError: The catalog is damaged, or from a newer rag.
        """
        folder = Path(index)
        return cls(
            folder, settings or Settings(), Catalog.open(folder), asks_once=asks_once, writer=writer, splitter=splitter
        )

    def __enter__(self) -> Library:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Brings Chroma up to date if this process changed the library, and lets go of everything."""
        try:
            if self._changed and (not self._asks_once or self._dense.is_new() or self._dense.waiting() >= _FILL_AT_LEAST):
                self.fill()
            self._dense.release()
        finally:
            self._catalog.close()

    def sync(
        self,
        folder: str | Path,
        *,
        prune: bool = False,
        progress: Callable[[Progress], None] = _quiet,
        patience_s: float = _PATIENCE_S,
    ) -> SyncReport:
        """Makes the library's documents of a folder equal to its files. Other documents are not touched.

        Args:
            folder: The folder; `source` of its documents is their path relative to it.
            prune: Remove documents whose files vanished even if many did at once.
            progress: Told how far it is.
            patience_s: How long to wait while another process imports, seconds.

        Raises:
            SourceError: The folder is not there or cannot be read.
            IndexBusyError: Another process is still importing; the message names it.
            EmbedderChangedError: The index was built with another embedder or splitter.
            EmbedderError: The embedder failed; documents can be found by their words.
        """
        root = Path(folder).expanduser().resolve()
        seen = walk(root, self.folder)
        with self._importing(patience_s):
            report = self._ingest.sync(root, seen, prune, progress)
        self._changed |= bool(report.added or report.updated or report.removed or report.passages)
        return report

    def add(self, *paths: str | Path, progress: Callable[[Progress], None] = _quiet) -> SyncReport:
        """Takes in files, or all files of folders; nothing is removed.

        Raises:
            SourceError: A path is not there.
            IndexBusyError: Another process is importing.
            EmbedderChangedError: The index was built with another embedder or splitter.
            EmbedderError: The embedder failed; documents can be found by their words.
        """
        files, ignored = [], 0
        for given in paths:
            path = Path(given)
            if path.is_dir():
                below = walk(path, self.folder)
                ignored += below.ignored
                files += [(str(path / found.source), found) for found in below.found]
            else:
                files.append((str(path), look_at(path, str(path))))
        with self._importing():
            named = [self._named(given, found) for given, found in files]
            report = self._ingest.add(named, ignored, progress)
        self._changed |= bool(report.added or report.updated or report.passages)
        return report

    def add_documents(self, documents: Iterable[Document], *, progress: Callable[[Progress], None] = _quiet) -> SyncReport:
        """Takes in documents that are no files; each needs a `source`. One with a known source replaces the older.

        Raises:
            IndexBusyError: Another process is importing.
            EmbedderChangedError: The index was built with another embedder.
            EmbedderError: The embedder failed; documents can be found by their words.
        """
        with self._importing():
            report = self._ingest.add_documents(self._catalog.root_id("memory", ""), documents, progress)
        self._changed |= bool(report.added or report.updated or report.passages)
        return report

    def remove(self, *sources: str) -> int:
        """Forgets documents; returns how many. A file of a synced folder stays out until it is added by name.

        Raises:
            SourceError: There is no such document, or the name fits several.
        """
        failed = {place for source in sources for place in self._catalog.failed_files(source)}
        of_failed = {source for _, source in failed}
        ids = [self._catalog.find(source) for source in sources if source not in of_failed]
        with self._catalog.transaction():
            for root_id, source in failed:
                self._catalog.saw(root_id, [FileSeen(source, 0, 0, 0, REMOVED)])
            for id_ in ids:
                root_id, source = self._catalog.place(id_)
                self._catalog.remove([id_])
                self._catalog.saw(root_id, [FileSeen(source, 0, 0, 0, REMOVED)])
        self._catalog.sweep(unfinished_too=False)
        self._changed = True
        return len(set(ids)) + len(failed)

    def documents(self) -> list[DocumentInfo]:
        """Every document, and every file that could not be read, by source."""
        return self._catalog.documents()

    def document(self, source: str) -> Document:
        """A document with its canonical text.

        Raises:
            SourceError: There is no such document, or the name fits several.
        """
        return self._catalog.document(self._catalog.find(source))

    def document_by_id(self, document_id: int) -> Document:
        """The document of a hit.

        Raises:
            SourceError: It was removed or replaced meanwhile.
        """
        return self._catalog.document(document_id)

    def search(self, question: str, k: int | None = None, *, wanted: Filter | None = None) -> list[Hit]:
        """The k best passages for a question, best first.

        Raises:
            QuestionError: The question is empty or too long.
        """
        return list(self.retrieve(question, k, wanted=wanted)[0])

    def retrieve(
        self, question: str, k: int | None = None, *, wanted: Filter | None = None
    ) -> tuple[tuple[Hit, ...], dict[str, float], str]:
        """Like `search`: hits, milliseconds a stage, and what the reader must know ("" when all went well)."""
        self._prepare_search()
        found = self._search(question, k or self.settings.k, wanted)
        return found.hits, dict(found.timings_ms), found.notice

    def ask(
        self, question: str, *, history: Sequence[Turn] = (), k: int | None = None, wanted: Filter | None = None
    ) -> Answer:
        """Answers a question, with citations that resolve to exact characters.

        Raises:
            QuestionError: The question is empty or too long.
        """
        for event in self.stream(question, history=history, k=k, wanted=wanted):
            if isinstance(event, Finished):
                return event.answer
        raise AssertionError("an answer always ends with Finished")

    def stream(
        self, question: str, *, history: Sequence[Turn] = (), k: int | None = None, wanted: Filter | None = None
    ) -> Generator[Event]:
        """Like `ask`, as it comes: what was found, then text, then the whole answer. Closing it stops the model."""
        self._prepare_search()
        yield from self._ask(question, k or self.settings.k, wanted, history)

    def fill(self) -> int:
        """Passes what Chroma has not seen on to it, unless another process holds it; returns how many entries."""
        return self._dense.fill() if self._dense.hold() else 0

    def warm(self) -> None:
        """Loads what the first question would otherwise wait for."""
        self._embedder.embed(["warm"])
        self._prepare_search()

    def check(self, *, repair: bool = False) -> Health:
        """Looks the index over; `repair` rebuilds what can be rebuilt from the catalog."""
        problems, repaired = self._catalog.problems(), []
        held = self._dense.hold()
        if held and repair:
            with self._importing():
                self._catalog.sweep(unfinished_too=True)
        if held:
            self.fill()
            found = self._difference()
            if found:
                if repair:
                    self._dense.rebuild()
                    self.fill()
                    repaired.append(f"{found}: built anew from the catalog")
                else:
                    problems.append(f"{found}; `rag doctor --repair` builds it anew")
        passages, _ = self._catalog.totals()
        return Health(
            str(self.folder), len([d for d in self.documents() if d.state != "failed"]), passages,
            self._catalog.pending_count(), len(self._dense) if held else None, self._catalog.meta("embedder"),
            {"rag": __version__, "chromadb": version("chromadb"), "llama-index-core": version("llama-index-core"),
             "gradio": version("gradio"), "openai": version("openai")},
            tuple(problems), tuple(repaired),
        )  # fmt: skip

    def _difference(self) -> str:
        """How Chroma differs from the catalog, in words; empty when it does not."""
        expected = self._catalog.vector_count()
        try:
            holds = len(self._dense)
        except StorageError as error:
            return str(error)
        return "" if holds == expected else f"Chroma holds {holds:,} vectors, the catalog {expected:,}"

    def _prepare_search(self) -> None:
        """Holds Chroma where it pays; questions are answered without it all the same."""
        with self._making:
            self._check_embedder()
            if self._tried_chroma or (self._asks_once and self._catalog.vector_count() <= _SCAN_UNASKED):
                return
            self._tried_chroma = True
            try:
                self.fill()
            except StorageError as error:
                _log.warning("%s; answering without it", error)

    @contextmanager
    def _importing(self, patience_s: float = _PATIENCE_S) -> Iterator[None]:
        lock = NamedLock(self.folder / "import.lock", "importing documents into this index")
        lock.acquire(patience_s)
        try:
            self._check_embedder()
            # Passages of two sizes can be searched together: a new size holds for what comes from here on.
            self._catalog.set_meta("splitter", self._splitter.name)
            yield
        finally:
            lock.release()

    def _check_embedder(self) -> None:
        """Refuses to mix vectors of two embedders; a new index takes the one of the settings.

        Raises:
            EmbedderChangedError: The index has another.
        """
        stored, mine = self._catalog.meta("embedder"), self._embedder.name
        if stored == mine:
            return
        if stored and self._catalog.totals()[0]:
            raise EmbedderChangedError(
                f"this index was built with the embedder {stored!r}, the settings say {mine!r}",
                f"set it back, or build a new index: rag --index OTHER sync {self.settings.documents or 'FOLDER'}",
            )
        self._catalog.set_meta("embedder", mine)

    def _named(self, given: str, found: Found) -> tuple[int, Found]:
        """The root and source of a file named by hand: those of the synced folder it lies in, if it lies in one."""
        path = found.path.resolve()
        for root_id, root in self._catalog.roots("sync"):
            if path.is_relative_to(root):
                name = shown_name(path.relative_to(root).as_posix())
                return root_id, Found(name, path, found.size, found.mtime_ns, found.problem)
        source = shown_name(Path(given).as_posix())
        root_id = self._catalog.root_id("add", "/" if Path(given).is_absolute() else str(Path.cwd()))
        return root_id, Found(source, path, found.size, found.mtime_ns, found.problem)

    @cached_property
    def _embedder(self) -> Embedder:
        with self._making:
            from rag.embed import EndpointEmbedder, MiniLM

            if self.settings.embedder == SHIPPED_EMBEDDER:
                return MiniLM()
            url = self.settings.embedder_url or self.settings.base_url
            return EndpointEmbedder(self.settings.embedder.removeprefix("openai:"), url, self.settings.api_key)

    @cached_property
    def _splitter(self) -> Splitter:
        if self._given_splitter is not None:
            return self._given_splitter
        from rag.embed import MiniLM
        from rag.split import SentencePacker

        counter = self._embedder if isinstance(self._embedder, MiniLM) else MiniLM()
        return SentencePacker(self.settings.passage_tokens, counter.token_starts)

    @cached_property
    def _ingest(self) -> Ingest:
        from rag.read import read

        most_mb = self.settings.max_file_mb
        return Ingest(self._catalog, read, lambda found: read_bytes(found, most_mb), self._splitter, self._embedder)

    @cached_property
    def _writer(self) -> Writer | None:
        model = self.settings.writes_with()
        if self._given_writer is not None or not model:
            return self._given_writer
        from rag.llm import OpenAIWriter

        return OpenAIWriter(
            model, self.settings.base_url, self.settings.api_key,
            first_token_s=self.settings.first_token_s, total_s=self.settings.total_s,
        )  # fmt: skip

    @cached_property
    def _ask(self) -> Ask:
        return Ask(
            self._search, lambda: self._embedder, self._catalog.text, self._writer,
            sentences=self.settings.sentences, evidence=self.settings.evidence,
        )  # fmt: skip


def _common_stems() -> list[str]:
    """The commonest stems of English, commonest first (weights/README.md)."""
    return (Path(__file__).parent / "weights" / "common-stems.txt").read_text(encoding="utf-8").split()


def _chroma(folder: Path) -> Generations:
    """Chroma's generations in a folder. A function, for importing Chroma takes 1.5 s and most commands need none of it."""
    from rag.vectors import ChromaFolder

    return ChromaFolder(folder)
