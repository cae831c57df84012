"""The opened whole: one index folder with its settings. Puts the parts together by plain constructor calls.

Parts that load something heavy are made when they are first needed, so that `rag ls` does not wait for an embedder.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import shutil
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from rag import __version__
from rag.answering.answerer import EXTRACTION, Answerer
from rag.answering.citation_trace import STATES, CitationTrace, SavedCitation, trace
from rag.answering.explain import Explainer
from rag.errors import IndexBusyError, RagError, ReadError, SettingsError, SourceError, StorageError
from rag.index.catalog import FILE, Catalog, restore
from rag.index.chroma import ChromaFolder
from rag.index.ingest import Ingest
from rag.index.locks import NamedLock
from rag.index.reindex import Reindexer
from rag.index.vector_search import VectorSearch
from rag.ports import ChatModel, Embedder, Splitter
from rag.records import (
    Answer,
    AnswerDone,
    Document,
    DocumentInfo,
    Event,
    Explanation,
    Filter,
    Health,
    Hit,
    IndexStatus,
    Progress,
    ReindexReport,
    SearchResult,
    SyncReport,
    Turn,
)
from rag.retrieval.search import Search
from rag.settings import SHIPPED_EMBEDDER, Settings, patterns
from rag.sources.files import is_url, look_at, read_bytes, walk
from rag.sources.records import FoundFile, RawDocument, storable
from rag.text.language import language_notice, language_of

if TYPE_CHECKING:
    from rag.evaluation.records import QuestionSet, RunJSON
    from rag.evaluation.runner import Evaluations, RunConditions
    from rag.models.embedder import MiniLM
    from rag.sources.parser_process import Parser

_log = logging.getLogger(__name__)

_PATIENCE_S = 600.0  # imports take turns: how long one waits for the other
# A process that asks once leaves fewer changes than this to the next one that holds Chroma; until then they are scanned.
_FILL_AT_LEAST = 1_000
# Up to this many vectors a process that asks once is faster by scanning them all than by importing Chroma (1.5 s).
_SCAN_UNASKED = 200_000


def _quiet(on_progress: Progress) -> None:
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
        short_lived: bool,
        chat_model: ChatModel | None,
        splitter: Splitter | None,
        embedder: Embedder | None,
    ) -> None:
        self.folder = folder
        self._given_chat_model = chat_model
        self._given_splitter = splitter
        self._given_embedder = embedder
        self.settings = settings
        self._catalog = catalog
        self._asks_once = short_lived
        lock = NamedLock(folder / "chroma.lock", "searching through Chroma")
        self._dense = VectorSearch(catalog, lock, lambda: ChromaFolder(folder / "chroma", lock.fileno()))
        common = _common_stems()
        unserved_by = partial(language_notice, common=frozenset(common))
        self._search = Search(catalog, self._dense, lambda: self._embedder, common, unserved_by)
        self._making = threading.RLock()
        self._tried_chroma = False
        self._changed = False
        self._listed: tuple[int, list[DocumentInfo]] = (-1, [])  # as of that version
        self._filling: threading.Thread | None = None
        self._closing = threading.Event()

    @classmethod
    def open(
        cls,
        index: str | Path = "index",
        settings: Settings | None = None,
        *,
        short_lived: bool = False,
        accept_data_loss: bool = False,
        chat_model: ChatModel | None = None,
        splitter: Splitter | None = None,
        embedder: Embedder | None = None,
    ) -> Library:
        """Opens an index, or makes it.

        Args:
            index: Its folder.
            settings: The defaults if left out; no file and no environment is read here.
            short_lived: The process ends after a question or two: Chroma is only loaded where it pays.
            accept_data_loss: Go on with a catalog that lost acknowledged changes; `check` tells which.
            chat_model: Writes the answers in place of the model of the settings; `LlamaIndexChatModel` of
                `rag.integrations.llama_index` takes any of LlamaIndex's.
            splitter: Cuts documents taken in from here on, in place of the shipped one; `rag.integrations.llama_index` has
                LlamaIndex's.
            embedder: Makes the vectors, in place of that of the settings; its name tells whose an index's vectors are.

        Raises:
            StorageError: The folder cannot be made or written.
            IndexDamagedError: The catalog is damaged, lost acknowledged changes, or is from a newer rag.
            IndexBusyError: Another process was using it all the time.
        """
        folder = Path(index)
        catalog = Catalog.open(folder, _import_lock(folder).holder, accept_data_loss=accept_data_loss)
        return cls(
            folder, settings or Settings(), catalog,
            short_lived=short_lived, chat_model=chat_model, splitter=splitter, embedder=embedder,
        )  # fmt: skip

    @classmethod
    def from_environment(cls, *, trust: bool = False, **settings: object) -> Library:
        """Opens the index that `rag.toml` of the working folder and the environment name, as the command line does.

        Args:
            trust: Accept the hosts that `rag.toml` names.
            settings: Settings that take precedence, by name: `k=5`.

        Raises:
            SettingsError: An unknown name, an impossible value, or a `rag.toml` that names a host nobody has accepted yet.
            StorageError: The folder cannot be made or written.
            IndexDamagedError: The catalog is damaged, lost acknowledged changes, or is from a newer rag.
            IndexBusyError: Another process was using it all the time.
        """
        from rag.configuration import load_settings, untrusted_addresses

        resolved = load_settings(settings)
        hosts = [] if trust else untrusted_addresses(resolved)
        if hosts:
            raise SettingsError(
                f"rag.toml sends text to {', '.join(hosts)}", "accept it with trust=True, or run a command with --trust"
            )
        return cls.open(resolved.settings.index, resolved.settings)

    def __enter__(self) -> Library:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Brings Chroma up to date if this process changed the library, and lets go of everything."""
        self._closing.set()
        if self._filling is not None:
            self._filling.join()
        try:
            if self._changed and (not self._asks_once or self._dense.is_new() or self._dense.waiting() >= _FILL_AT_LEAST):
                self.sync_vectors()
            self._dense.release()
        finally:
            for child in {"_parser", "_drawer"} & self.__dict__.keys():
                getattr(self, child).close()
            self._catalog.close()

    def sync(
        self,
        folder: str | Path,
        *,
        prune: bool = False,
        on_progress: Callable[[Progress], None] = _quiet,
        timeout_s: float = _PATIENCE_S,
    ) -> SyncReport:
        """Makes the library's documents of a folder equal to its files. Other documents are not touched.

        Args:
            folder: The folder; `source` of its documents is their path relative to it.
            prune: Remove documents whose files vanished even if many did at once.
            on_progress: Told how far it is.
            timeout_s: How long to wait while another process imports, seconds.

        Raises:
            SourceError: The folder is not there or cannot be read.
            IndexBusyError: Another process is still importing; the message names it.
            EmbedderChangedError: The index was built with another embedder.
            EmbedderError: The embedder failed; documents can be found by their words.
        """
        root = Path(os.path.realpath(Path(folder).expanduser()))
        seen = walk(root, self.folder, patterns(self.settings.include), patterns(self.settings.exclude))
        with self._importing(timeout_s):
            report = self._ingest.sync(root, seen, prune, on_progress)
        self._changed |= bool(report.added or report.updated or report.removed or report.passages)
        return report

    def add(self, *paths: str | Path, on_progress: Callable[[Progress], None] = _quiet) -> SyncReport:
        """Takes in files, all files of folders, or web pages by their addresses; nothing is removed.

        A page that is in already is fetched again, if its server says that it changed.

        Raises:
            SourceError: A path is not there.
            IndexBusyError: Another process is importing.
            EmbedderChangedError: The index was built with another embedder.
            EmbedderError: The embedder failed; documents can be found by their words.
        """
        files, ignored = [], 0
        urls = [str(given) for given in paths if is_url(str(given))]
        for path in (Path(given) for given in paths if not is_url(str(given))):
            if path.is_dir():
                below = walk(path, self.folder, patterns(self.settings.include), patterns(self.settings.exclude))
                ignored += below.ignored
                files += [(str(path / found.source), found) for found in below.found]
            else:
                files.append((str(path), look_at(path, str(path))))
        report = SyncReport()
        if files or not urls:
            with self._importing():
                named = [self._named(given, found) for given, found in files]
                report = self._ingest.add(named, ignored, on_progress)
        for page in self._fetched(urls):  # nobody's import waits while a server thinks
            report = report.joined(self._add_bytes("url", page, on_progress))
        self._changed |= bool(report.added or report.updated or report.passages)
        return report

    def _add_bytes(self, kind: str, held: RawDocument, on_progress: Callable[[Progress], None]) -> SyncReport:
        with self._importing():
            report = self._ingest.add_bytes(self._catalog.root_id(kind, ""), [held], on_progress)
        self._changed |= bool(report.added or report.updated or report.passages)
        return report

    def trace_citation(self, saved: SavedCitation) -> CitationTrace:
        """What became of the words of a saved citation: as they were, moved, changed, or gone with their document."""
        ids = [id_ for id_, source in self._catalog.live_documents() if source == saved.source]
        documents = [self._catalog.document(id_) for id_ in ids]
        # Two folders may hold a document of that name: the one in which the words fare best is meant.
        traces = [trace(saved, document.text, document.content_hash) for document in documents]
        return min(traces, key=lambda found: STATES.index(found.state), default=CitationTrace("deleted"))

    def add_bytes(
        self, data: bytes, name: str = "standard input.txt", *, on_progress: Callable[[Progress], None] = _quiet
    ) -> SyncReport:
        """Takes in bytes that are no file, such as standard input, under a name; the suffix says what they are.

        Raises:
            IndexBusyError: Another process is importing.
            EmbedderChangedError: The index was built with another embedder.
            EmbedderError: The embedder failed; documents can be found by their words.
        """
        return self._add_bytes("stream", RawDocument(name, name, data), on_progress)

    def reload(self, source: str, *, on_progress: Callable[[Progress], None] = _quiet) -> SyncReport:
        """Reads a document's file again, or fetches its page again.

        Raises:
            SourceError: There is no such document, or its file is gone.
        """
        if is_url(source):
            return self.add(source, on_progress=on_progress)
        roots = {root_id: path for kind in ("sync", "add") for root_id, path in self._catalog.roots(kind)}
        paths = [Path(roots[root_id], file) for root_id, file in self._catalog.failed_files(source) if root_id in roots]
        if not paths:
            kind, root, file, _ = self._catalog.file_of(self._catalog.find(source))
            if kind not in ("sync", "add"):
                return self.add_bytes(self.original(source), file, on_progress=on_progress)
            paths = [Path(root, file)]
        return self.add(*paths, on_progress=on_progress)

    def refresh(self, *, on_progress: Callable[[Progress], None] = _quiet) -> SyncReport:
        """Fetches every page anew that its server says has changed. What is gone there is kept, and named as failed."""
        return self.add(*self._catalog.sources_of("url"), on_progress=on_progress)

    def original(self, source: str) -> bytes:
        """The bytes of the file that a document came in, as they were when it was read.

        Raises:
            SourceError: There is no such document, or its file is gone or another by now.
        """
        return self._original(self._catalog.find(source), source)

    def _original(self, document_id: int, source: str) -> bytes:
        kind, root, file, content_hash = self._catalog.file_of(document_id)
        kept = self._catalog.original(content_hash)
        if kept is not None:
            return kept
        data = b""
        with contextlib.suppress(OSError):
            data = Path(root, file).read_bytes() if kind in ("sync", "add") else b""
        if hashlib.sha256(data).hexdigest() != content_hash:
            raise SourceError(f"the file of {source!r} is gone, or has changed since it was read", "sync it again")
        return data

    def _fetched(self, urls: Iterable[str]) -> Iterator[RawDocument]:
        """Pages as they come; those that did not change are left out."""
        from rag.sources.web_pages import Fetcher, normal

        fetcher = Fetcher(private=self.settings.private_urls == "allow")
        for source in [normal(url) for url in urls]:  # a wrong one is told before any is fetched
            known = self._catalog.facts_of("url", source)
            try:
                page = fetcher.fetch(source, known.get("etag", ""), known.get("modified", ""))
            except ReadError as error:
                yield RawDocument(source, source, b"", error=str(error), hint=error.hint)
                continue
            if page is not None:
                about = {"url": page.url, "etag": page.etag, "modified": page.modified}
                yield RawDocument(source, page.name, page.data, {name: value for name, value in about.items() if value})

    def page_image(self, document_id: int, page: int, spans: Sequence[tuple[int, int]] = ()) -> bytes:
        """A page of a PDF as it is printed, as a PNG, with the lines of some spans of the document's text marked.

        Raises:
            SourceError: There is no such document, it is no PDF, or its file is gone or another by now.
            ReadError: The page cannot be drawn.
        """
        document = self._catalog.document(document_id)
        if document.media_type != "application/pdf":
            raise SourceError(f"{document.source!r} has no printed pages")
        return self._drawer.picture(self._original(document_id, document.source), document.anchors, page, spans)

    def add_documents(
        self, documents: Iterable[Document], *, on_progress: Callable[[Progress], None] = _quiet
    ) -> SyncReport:
        """Takes in documents that are no files; each needs a `source`. One with a known source replaces the older.

        Raises:
            IndexBusyError: Another process is importing.
            EmbedderChangedError: The index was built with another embedder.
            EmbedderError: The embedder failed; documents can be found by their words.
        """
        with self._importing():
            report = self._ingest.add_documents(self._catalog.root_id("memory", ""), documents, on_progress)
        self._changed |= bool(report.added or report.updated or report.passages)
        return report

    def remove(self, *sources: str) -> int:
        """Forgets documents; returns how many. A file of a synced folder stays out until it is added by name.

        Raises:
            SourceError: There is no such document, or the name fits several.
        """
        failed = {place for source in sources for place in self._catalog.failed_files(source)}
        of_failed = {source for _, source in failed}
        ids = {self._catalog.find(source) for source in sources if source not in of_failed}
        with self._catalog.transaction():
            places = {self._catalog.place(id_) for id_ in ids} | failed
            self._catalog.remove(ids)
            for root_id, source in places:
                self._catalog.forget_files(root_id, [source])
                self._catalog.forget(root_id, source)
            self._catalog.forget_in_runs(source for _, source in places)
        self._catalog.sweep(unfinished_too=False)
        self._changed = True
        return len(places)

    def documents(self) -> list[DocumentInfo]:
        """Every document, and every file that could not be read, by source."""
        version = self.version()  # read first: a list that is newer than its version is only read once more
        if self._listed[0] != version:
            self._listed = (version, self._catalog.documents())
        return list(self._listed[1])

    def fields(self, most: int = 500) -> list[tuple[str, str, int]]:
        """(field, value, documents) that a `Filter` can ask for by its metadata, the commonest first."""
        return self._catalog.fields(most)

    def version(self) -> int:
        """A number that grows with every change of the library, whichever process makes it."""
        return int(self._catalog.meta("commits"))

    def is_empty(self) -> bool:
        """Whether there is nothing to be found in it."""
        return self._catalog.totals()[0] == 0

    def document(self, source: str) -> Document:
        """A document with its canonical text.

        Raises:
            SourceError: There is no such document, or the name fits several.
        """
        return self._catalog.document(self._catalog.find(source))

    def id_of(self, source: str) -> int:
        """The number of the document of this name; 0 if none has it, or several."""
        with contextlib.suppress(SourceError):
            return self._catalog.find(source)
        return 0

    def document_by_id(self, document_id: int) -> Document:
        """The document of a hit.

        Raises:
            SourceError: It was removed or replaced meanwhile.
        """
        return self._catalog.document(document_id)

    def search(self, question: str, k: int | None = None, *, filters: Filter | None = None) -> list[Hit]:
        """The k best passages for a question, best first.

        Raises:
            QuestionError: The question is empty or too long.
        """
        return list(self.search_with_timings(question, k, filters=filters).hits)

    def search_with_timings(self, question: str, k: int | None = None, *, filters: Filter | None = None) -> SearchResult:
        """Like `search`, with the time each stage took and what the reader must know."""
        self._prepare_search()
        found = self._search.find(question, k or self.settings.k, filters)
        return SearchResult(found.hits, found.timings_ms, found.notice)

    def ask(
        self, question: str, *, history: Sequence[Turn] = (), k: int | None = None, filters: Filter | None = None
    ) -> Answer:
        """Answers a question, with citations that resolve to exact characters.

        Raises:
            QuestionError: The question is empty or too long.
        """
        for event in self.stream(question, history=history, k=k, filters=filters):
            if isinstance(event, AnswerDone):
                return event.answer
        raise AssertionError("an answer always ends with AnswerDone")

    def stream(
        self, question: str, *, history: Sequence[Turn] = (), k: int | None = None, filters: Filter | None = None
    ) -> Generator[Event]:
        """Like `ask`, as it comes: what was found, then text, then the whole answer. Closing it stops the model."""
        self._prepare_search()
        yield from self._answerer.answer(question, k or self.settings.k, filters, history)

    def explain(self, question: str, expected: str, *, k: int | None = None, filters: Filter | None = None) -> Explanation:
        """Asks a question, and says at which stage an expected text was lost on its way into the answer.

        Args:
            question: What is asked.
            expected: Words as they stand in a document.
            k: Passages an answer may rest on; as set if left out.
            filters: Which documents are asked; all if left out.

        Raises:
            QuestionError: The question or the expected text is empty, or the question is too long.
        """
        k = k or self.settings.k
        explainer = Explainer(self._catalog, self._search)
        return explainer.explain(
            expected, self.ask(question, k=k, filters=filters), self._answerer.searches(question, k), filters
        )

    def evaluate(self, questions: QuestionSet) -> RunJSON:
        """Asks every question of a test set and measures the answers; `evaluations` keeps runs, and has more to choose."""
        return self.evaluations.run(questions)

    @cached_property
    def evaluations(self) -> Evaluations:
        """Runs of test sets, and the threshold that was fitted by one."""
        from rag.evaluation.runner import Evaluations

        return Evaluations(self, self._catalog, self._answer_anyway, self._circumstances)

    def _circumstances(self) -> RunConditions:
        from rag.evaluation.runner import RunConditions

        edition, settings = self._catalog.current(), self.settings
        return RunConditions(
            {"model": settings.chat_model_name() or EXTRACTION, "embedder": edition.embedder, "splitter": edition.splitter,
             "k": settings.k, "sentences": settings.sentences, "evidence": self._threshold()},
            {"documents": self._document_count(), "passages": edition.passages},
            _versions(),
        )  # fmt: skip

    def _document_count(self) -> int:
        return sum(info.state != "failed" for info in self.documents())

    def sync_vectors(self) -> int:
        """Passes what Chroma has not seen on to it, unless another process holds it; returns how many changes.

        Raises:
            StorageError: Chroma cannot be opened or filled, not even anew.
        """
        return self._dense.fill() if self._dense.hold() else 0

    def _fill_until_closed(self) -> None:
        if self._dense.hold():
            self._dense.fill(self._closing.is_set)

    def preload(self) -> None:
        """Loads what the first question would otherwise wait for."""
        self._embedder.embed(["warm"])
        self._prepare_search()

    def status(self) -> IndexStatus:
        """What is in the index, and what it is kept with."""
        edition = self._catalog.current()
        return IndexStatus(
            str(self.folder), self._document_count(), edition.passages, self._catalog.pending_count(), _size(self.folder),
            edition.embedder, self._threshold(), _versions(),
        )  # fmt: skip

    def check(self, *, repair: bool = False) -> Health:
        """Looks the index over; `repair` rebuilds what can be rebuilt from the catalog."""
        problems, repaired = self._catalog.problems(), []
        if self._catalog.lost:
            repaired.append(f"{self._catalog.lost}: going on with what is there; sync the documents again")
        if repair:
            with self._importing():
                self._catalog.sweep(unfinished_too=True)
        held = self._dense.hold()
        if held:
            found = self._difference()
            if found and repair:
                self._dense.rebuild()
                self.sync_vectors()
                repaired.append(f"{found}: built anew from the catalog")
            elif found:
                problems.append(f"{found}; `rag doctor --repair` builds it anew")
        now = self.status()
        return Health(
            now.index, now.documents, now.passages, now.waiting, len(self._dense) if held else None, now.embedder,
            now.versions, tuple(problems), tuple(repaired), "" if held else self._dense.holder(),
        )  # fmt: skip

    def back_up(self, path: str | Path) -> int:
        """Writes a copy of the catalog as it is at this moment, while others go on; returns its size in bytes.

        Everything else in the index folder is made again from it.

        Raises:
            SourceError: There is something of that name already.
            StorageError: It cannot be written.
        """
        return self._catalog.back_up(Path(path))

    @staticmethod
    def restore(backup: str | Path, index: str | Path = "index") -> Path | None:
        """Puts a backup in the place of an index's catalog; returns where the old one was copied, if there was one.

        Raises:
            SourceError: There is no such file.
            IndexBusyError: Another process has the index open.
            IndexDamagedError: The backup is not sound; nothing was changed.
            StorageError: The folder cannot be written.
        """
        folder = Path(index)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"the index folder {folder} cannot be made ({error.strerror})") from error
        with _turn_to_import(folder, 0):
            return restore(Path(backup), folder / FILE)

    def reindex(self, *, on_progress: Callable[[Progress], None] = _quiet, timeout_s: float = _PATIENCE_S) -> ReindexReport:
        """Cuts and embeds all documents anew as the settings say, while questions are answered from what is there.

        The switch is one moment. What was there is kept until `compact`: with the old settings, the same call goes back.
        One that was cut off goes on where it stopped.

        Raises:
            IndexBusyError: Another process is still importing; the message names it.
            EmbedderError: The embedder failed; what is done is kept, and the old edition is asked as before.
        """
        with _turn_to_import(self.folder, timeout_s):
            report = Reindexer(self._catalog, self._splitter, self._embedder).run(on_progress)
        self._changed |= report.switched
        return report

    def compact(self) -> tuple[int, int]:
        """Leaves nothing in the index's files of what was removed, and gives back the space.

        What is kept to take back a reindexing or a restoring goes too. Chroma is built anew.

        Returns:
            Bytes of the index folder before and after.

        Raises:
            IndexBusyError: Another process is importing, holds Chroma, or is reading an older state.
        """
        before = _size(self.folder)
        with self._importing():
            if not self._dense.hold():
                raise IndexBusyError(
                    f"another process is searching through Chroma ({self._dense.holder()})", "end it, and repeat"
                )
            self._catalog.sweep(unfinished_too=True)
            former = self._catalog.other_index_version()
            if former is not None:
                self._catalog.drop_index_version(former)
            for old in self.folder.glob("replaced-*"):
                shutil.rmtree(old)
            self._dense.rebuild()
            self._catalog.clean()
            self.sync_vectors()
        return before, _size(self.folder)

    def _difference(self) -> str:
        """How Chroma differs from the catalog once it is filled; others may be writing meanwhile."""
        found = ""
        for _ in range(3):
            self.sync_vectors()
            found = self._dense.difference()
            if not found:
                break
        return found

    def _prepare_search(self) -> None:
        """Has Chroma opened where it pays; questions are answered without it until it is ready, and if it fails."""
        with self._making:
            if self._tried_chroma:
                return
            self._tried_chroma = True
            is_large = self._catalog.vector_count() > _SCAN_UNASKED
            if self._asks_once and not is_large:
                return
            if is_large:  # waiting for it takes less time than reading all vectors
                _quietly(self._dense.hold)
            if not self._asks_once:
                self._filling = threading.Thread(target=_quietly, args=(self._fill_until_closed,), name="fill", daemon=True)
                self._filling.start()

    @contextmanager
    def _importing(self, timeout_s: float = _PATIENCE_S) -> Iterator[None]:
        with _turn_to_import(self.folder, timeout_s):
            edition = self._catalog.current()
            edition.check(self._embedder.name)
            if not edition.passages and (edition.embedder, edition.splitter) != (self._embedder.name, self._splitter.name):
                self._catalog.name_index_version(self._embedder.name, self._splitter.name)
            # Passages of two sizes can be searched together: another size holds for what comes from here on.
            yield

    def _named(self, given: str, found: FoundFile) -> tuple[int, FoundFile]:
        """The root and source of a file named by hand: those of the synced folder it lies in, if it lies in one."""
        path = found.path.resolve()
        for root_id, root in self._catalog.roots("sync"):
            if path.is_relative_to(root):
                name = storable(path.relative_to(root).as_posix())
                return root_id, replace(found, source=name, path=path)
        source = storable(Path(given).as_posix())
        root_id = self._catalog.root_id("add", "/" if Path(given).is_absolute() else str(Path.cwd()))
        return root_id, replace(found, source=source, path=path)

    @cached_property
    def _embedder(self) -> Embedder:
        if self._given_embedder is not None:
            return self._given_embedder
        if self.settings.embedder == SHIPPED_EMBEDDER:
            return self._shipped
        with self._making:
            from rag.models.embeddings_endpoint import EndpointEmbedder

            url = self.settings.embedder_url or self.settings.base_url
            return EndpointEmbedder(self.settings.embedder.removeprefix("openai:"), url, self.settings.api_key)

    @cached_property
    def _shipped(self) -> MiniLM:
        """The embedder that is shipped: counts tokens and reads sentences, whichever finds passages."""
        with self._making:
            from rag.models.embedder import MiniLM

            return MiniLM()

    @cached_property
    def _splitter(self) -> Splitter:
        if self._given_splitter is not None:
            return self._given_splitter
        from rag.index.splitting import SentencePacker

        return SentencePacker(self.settings.passage_tokens, self._shipped.token_starts)

    @cached_property
    def _parser(self) -> Parser:
        from rag.sources.parser_process import Parser

        return Parser(ocr=self.settings.ocr == "on")

    @cached_property
    def _drawer(self) -> Parser:
        """Draws pages: another than reads, so that nobody who looks waits for an import."""
        from rag.sources.parser_process import Parser

        return Parser()

    @cached_property
    def _ingest(self) -> Ingest:
        from rag.sources.decoding.ocr import is_installed
        from rag.sources.parsers import VERSION

        most_mb = self.settings.max_file_mb
        readers = f"{VERSION} with ocr" if self.settings.ocr == "on" and is_installed() else VERSION
        return Ingest(
            self._catalog, self._parser.parse, lambda found: read_bytes(found, most_mb), self._splitter, self._embedder,
            language_of, readers,
        )  # fmt: skip

    @cached_property
    def _chat_model(self) -> ChatModel | None:
        model = self.settings.chat_model_name()
        if self._given_chat_model is not None or not model:
            return self._given_chat_model
        from rag.models.chat_model import OpenAIChatModel

        return OpenAIChatModel(
            model, self.settings.base_url, self.settings.api_key,
            first_token_s=self.settings.first_token_s, total_s=self.settings.total_s,
        )  # fmt: skip

    @property
    def chat_model(self) -> ChatModel | None:
        """The model that writes answers; None where they are extracted."""
        return self._chat_model

    @cached_property
    def _answerer(self) -> Answerer:
        return self._made_answerer(self._threshold, self._chat_model)

    def _made_answerer(self, threshold: Callable[[], float], chat_model: ChatModel | None) -> Answerer:
        return Answerer(
            self._search, lambda: self._shipped, self._catalog.text, self._located, self._openings, chat_model,
            prompt_tokens=self.settings.prompt_tokens(), sentences=self.settings.sentences, threshold=threshold,
        )  # fmt: skip

    def _answer_anyway(self, question: str, filters: Filter | None) -> Answer:
        """The answer by quoting, however thin its evidence."""
        self._prepare_search()
        events = self._made_answerer(lambda: 0.0, None).answer(question, self.settings.k, filters, ())
        return next(event.answer for event in events if isinstance(event, AnswerDone))

    def _threshold(self) -> float:
        """Below which evidence nothing is answered: as set, else as fitted for this index, else as shipped."""
        if self.settings.evidence != Settings().evidence or not self._catalog.meta("calibration"):
            return self.settings.evidence
        fitted = self.evaluations.calibration()
        return fitted.threshold if fitted is not None else self.settings.evidence

    def _located(self, document_id: int, offset: int) -> tuple[int | None, str, str]:
        """The page of a character, where to look for it in words, and the content hash of its document."""
        return *self._catalog.locate(document_id, offset), self._catalog.hash_of(document_id)

    def _openings(self, filters: Filter, most: int, characters: int) -> tuple[int, list[Hit]]:
        """How many documents pass a filter, and how the first of them begin."""
        return self._catalog.openings(self._catalog.matching(filters), most, characters)


def _versions() -> dict[str, str]:
    """Of what decides about answers and how an index looks."""
    named = ("chromadb", "llama-index-core", "gradio", "openai")
    return {"rag": __version__, **{name: version(name) for name in named}}


def _common_stems() -> list[str]:
    """The commonest stems of English, commonest first (weights/README.md)."""
    return (Path(__file__).parent / "models" / "weights" / "common-stems.txt").read_text(encoding="utf-8").split()


def _import_lock(folder: Path) -> NamedLock:
    """Imports into an index take turns by this."""
    return NamedLock(folder / "import.lock", "importing documents into this index")


@contextmanager
def _turn_to_import(folder: Path, timeout_s: float) -> Iterator[None]:
    """Waits for the turn to import into an index, and gives it on."""
    lock = _import_lock(folder)
    lock.acquire(timeout_s)
    try:
        yield
    finally:
        lock.release()


def _quietly(work: Callable[[], object]) -> None:
    """Does what questions do not depend on: a failure is logged."""
    try:
        work()
    except RagError as error:
        _log.warning("%s; answering without it", error)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
