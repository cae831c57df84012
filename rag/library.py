"""The main entry point: an open index with its settings. Wires the components together and delegates to them.

Heavy components are created on first use, so that `rag ls` does not have to load an embedder.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from rag.answering.answerer import Answerer
from rag.answering.explain import Explainer
from rag.answering.extractive_answer import EXTRACTION, ExtractiveAnswers
from rag.answering.reading import read_hits
from rag.answering.verification.citation_trace import STATES, CitationTrace, SavedCitation, trace
from rag.errors import ClosedError, SettingsError, SourceError
from rag.index.catalog import Catalog
from rag.index.chroma import ChromaFolder
from rag.index.import_lock import TIMEOUT_S, import_lock, import_turn
from rag.index.importing.imports import Imports, OnProgress
from rag.index.importing.ingest import Ingest
from rag.index.locks import NamedLock
from rag.index.maintenance import compaction, health
from rag.index.maintenance.backup import restore_backup
from rag.index.maintenance.reindex import Reindexer
from rag.index.originals import original
from rag.index.vector_search import VectorSearch
from rag.index.vector_sync import VectorSync
from rag.ports import ChatModel, Embedder, PassageReader, Splitter
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
from rag.retrieval.candidates import Candidates
from rag.retrieval.passage_ranks import PassageRanks
from rag.retrieval.search import Search
from rag.retrieval.term_statistics import TermStatistics
from rag.retrieval.versions import RESEMBLING, START, versions_of
from rag.settings import SHIPPED_EMBEDDER, Settings, patterns
from rag.sources.records import InMemoryFile

if TYPE_CHECKING:
    from rag.evaluation.records import QuestionSet, RunJSON
    from rag.evaluation.runner import Evaluations, RunConditions
    from rag.models.embedder import MiniLM
    from rag.sources.parser_process import Parser
    from rag.sources.web_pages import Fetcher


_log = logging.getLogger(__name__)


def _no_progress(progress: Progress) -> None:
    """Ignores progress updates."""


class Library:
    """An open index, for adding documents, searching and asking questions. Safe to share between threads.

    Use `Library.open` or `Library.from_environment` to create a library, and close it when you are done.

    Attributes:
        folder: The index folder.
        settings: The current settings.
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
        self.settings = settings
        self._catalog = catalog
        self._custom_chat_model = chat_model
        self._custom_splitter = splitter
        self._custom_embedder = embedder
        self._loading = threading.RLock()
        self._closed = False
        self._listed: tuple[int, list[DocumentInfo]] = (-1, [])  # (version, documents at that version)
        lock = NamedLock(folder / "chroma.lock", "searching through Chroma")
        self._vector_search = VectorSearch(catalog, lock, lambda: ChromaFolder(folder / "chroma", lock))
        self._vector_sync = VectorSync(catalog, self._vector_search, short_lived=short_lived)
        common = _common_stems()
        statistics = TermStatistics(catalog.passages, common)
        candidates = Candidates(catalog, self._vector_search, lambda: self._embedder, statistics)
        self._search = Search(catalog, candidates, lambda: self._embedder, frozenset(common))
        self._explainer = Explainer(catalog, PassageRanks(catalog, candidates), self._threshold)
        self._imports = Imports(
            folder,
            catalog,
            lambda: self._ingest,
            lambda: self._fetcher,
            include=patterns(settings.include),
            exclude=patterns(settings.exclude),
        )

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
        """Opens an index; creates it if it does not exist.

        Args:
            index: The index folder.
            settings: The settings; the defaults if omitted. Neither rag.toml nor environment variables are read.
            short_lived: Whether the process ends after a question or two. If so, Chroma is loaded only for a large index.
            accept_data_loss: Whether to open a catalog that has lost committed changes; `check` reports the loss.
            chat_model: A model that writes the answers, replacing the one in the settings. `LlamaIndexChatModel` in
                `rag.integrations.llama_index` wraps any LlamaIndex LLM.
            splitter: A splitter for documents added from now on, replacing the built-in one. LlamaIndex's splitter is in
                `rag.integrations.llama_index`.
            embedder: An embedder that replaces the one in the settings. The index stores the embedder's `name`.

        Raises:
            StorageError: The folder cannot be created or written to.
            IndexDamagedError: The catalog is damaged, has lost committed changes, or was written by a newer version of rag.
            IndexBusyError: Another process kept the index locked.
        """
        folder = Path(index)
        catalog = Catalog.open(folder, import_lock(folder).holder, accept_data_loss=accept_data_loss)
        return cls(
            folder,
            settings or Settings(),
            catalog,
            short_lived=short_lived,
            chat_model=chat_model,
            splitter=splitter,
            embedder=embedder,
        )

    @classmethod
    def from_environment(cls, *, trust: bool = False, **settings: object) -> Library:
        """Opens the index configured in `rag.toml` and the environment, as the command line does.

        Args:
            trust: Whether to accept the hosts named in `rag.toml`.
            settings: Settings that override `rag.toml` and the environment, for example `k=5`.

        Raises:
            SettingsError: A setting is unknown or invalid, or `rag.toml` names a host that the user has not accepted.
            StorageError: The folder cannot be created or written to.
            IndexDamagedError: The catalog is damaged, has lost committed changes, or was written by a newer version of rag.
            IndexBusyError: Another process kept the index locked.
        """
        from rag.configuration import load_settings, untrusted_hosts

        resolved = load_settings(settings)
        hosts = [] if trust else untrusted_hosts(resolved)
        if hosts:
            raise SettingsError(
                f"rag.toml sends text to {', '.join(hosts)}", "to allow this, use trust=True, or run a command with --trust"
            )
        return cls.open(resolved.settings.index, resolved.settings)

    def __enter__(self) -> Library:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            self.close()
            return
        try:
            self._close(update_chroma=False)  # the user may have pressed Ctrl-C and not want to wait
        except Exception as secondary:  # must not replace the error that the caller is to see
            _log.warning("closing the library failed: %s", secondary)

    def close(self) -> None:
        """Updates Chroma if this process changed the library, and releases all resources."""
        self._close(update_chroma=self._imports.changed)

    def _close(self, *, update_chroma: bool) -> None:
        self._closed = True
        for child in {"_parser", "_page_renderer"} & self.__dict__.keys():
            getattr(self, child).close()
        try:
            self._vector_sync.close(changed=update_chroma)
        finally:
            self._catalog.close()

    def interrupt(self) -> None:
        """Makes the file that another thread is importing fail with a RagError, which ends the import, without delay."""
        if "_parser" in self.__dict__:
            self._parser.interrupt()

    # Importing and removing documents

    def sync(
        self,
        folder: str | Path,
        *,
        prune: bool = False,
        on_progress: OnProgress = _no_progress,
        timeout_s: float = TIMEOUT_S,
    ) -> SyncReport:
        """Adds, updates, renames and removes documents to match the files in a folder. Leaves other documents unchanged.

        Args:
            folder: The folder. A document's `source` is its path relative to this folder.
            prune: Whether to remove all documents whose files no longer exist, even if there are many.
            on_progress: Function that is called with progress updates.
            timeout_s: Maximum time to wait for another process's import to finish, in seconds.

        Raises:
            SourceError: The folder does not exist or cannot be read.
            IndexBusyError: Another process is still importing; the message names that process.
            EmbedderChangedError: The index was built with another embedder.
            EmbedderError: The embedder failed. The documents are stored, but can be found only by wording.
        """
        self._check_open()
        root = Path(os.path.realpath(Path(folder).expanduser()))
        return self._imports.sync(root, prune=prune, on_progress=on_progress, timeout_s=timeout_s)

    def add(self, *paths: str | Path, on_progress: OnProgress = _no_progress) -> SyncReport:
        """Adds files, folders or web pages (by URL). Does not remove any documents.

        A web page that was added before is fetched again if its server reports a change.

        Raises:
            SourceError: A path does not exist.
            IndexBusyError: Another process is importing.
            EmbedderChangedError: The index was built with another embedder.
            EmbedderError: The embedder failed. The documents are stored, but can be found only by wording.
        """
        self._check_open()
        return self._imports.add(paths, on_progress)

    def add_bytes(
        self, data: bytes, name: str = "standard input.txt", *, on_progress: OnProgress = _no_progress
    ) -> SyncReport:
        """Adds data that does not come from a file, such as standard input.

        The extension of `name` determines the file type.

        Raises:
            IndexBusyError: Another process is importing.
            EmbedderChangedError: The index was built with another embedder.
            EmbedderError: The embedder failed. The documents are stored, but can be found only by wording.
        """
        self._check_open()
        return self._imports.add_raw("stream", InMemoryFile(name, name, data), on_progress)

    def add_documents(self, documents: Iterable[Document], *, on_progress: OnProgress = _no_progress) -> SyncReport:
        """Adds documents from memory. Each needs a `source`, and replaces any document added earlier with the same source.

        Raises:
            IndexBusyError: Another process is importing.
            EmbedderChangedError: The index was built with another embedder.
            EmbedderError: The embedder failed. The documents are stored, but can be found only by wording.
        """
        self._check_open()
        return self._imports.add_documents(documents, on_progress)

    def reload(self, source: str, *, on_progress: OnProgress = _no_progress) -> SyncReport:
        """Reads a document's file again, or fetches its web page again.

        Raises:
            SourceError: There is no such document, or its file no longer exists.
        """
        self._check_open()
        return self._imports.reload(source, on_progress)

    def refresh(self, *, on_progress: OnProgress = _no_progress) -> SyncReport:
        """Fetches web pages again if their servers report a change.

        If a page no longer exists, its document is kept, and the page is reported as failed.
        """
        self._check_open()
        return self._imports.refresh(on_progress)

    def remove(self, *sources: str) -> int:
        """Removes documents and returns the number removed.

        `sync` skips a removed file until it has been added again with `add`.

        Raises:
            SourceError: There is no such document, or the name is ambiguous.
        """
        self._check_open()
        return self._imports.remove(sources)

    # Reading documents

    def documents(self) -> list[DocumentInfo]:
        """Returns every document, and every file that could not be read, sorted by source."""
        # Read the version first: if the library changes before the list is read, the next call only reads the list again.
        version = self.version()
        if self._listed[0] != version:
            self._listed = (version, self._catalog.documents.infos())
        return list(self._listed[1])

    def document(self, source: str) -> Document:
        """Returns a document with its canonical text.

        Raises:
            SourceError: There is no such document, or the name is ambiguous.
        """
        self._check_open()
        return self._catalog.documents.get(self._catalog.documents.find(source))

    def document_by_id(self, document_id: int) -> Document:
        """Returns the document with this id, which is the `document_id` of a hit or citation.

        Raises:
            SourceError: The document has been removed or replaced.
        """
        self._check_open()
        return self._catalog.documents.get(document_id)

    def versions(self, source: str) -> list[DocumentInfo]:
        """Returns the other versions of a document, such as earlier editions of a policy, the newest first.

        Versions are recognised by what their texts have in common; see `rag.text.likeness`. They are looked for among the
        documents that resemble the start of this one.

        Raises:
            SourceError: There is no such document, or the name is ambiguous.
            EmbedderChangedError: The index was built with another embedder.
        """
        document = self.document(source)
        start = document.text[:START].strip()
        hits = self.search(start, RESEMBLING) if start else []
        return versions_of(document, hits, self.documents(), self.document_by_id)

    def id_of(self, source: str) -> int:
        """Returns the id of the document with this source; 0 if there is no such document or more than one."""
        self._check_open()
        with contextlib.suppress(SourceError):
            return self._catalog.documents.find(source)
        return 0

    def original(self, source: str) -> bytes:
        """Returns the bytes of the file that a document was read from.

        Raises:
            SourceError: There is no such document, or its file has been deleted or changed.
        """
        self._check_open()
        return original(self._catalog, self._catalog.documents.find(source), source)

    def page_image(self, document_id: int, page: int, spans: Sequence[tuple[int, int]] = ()) -> bytes:
        """Returns a PDF page as a PNG image in which the lines that contain the given spans are highlighted.

        Args:
            document_id: The document's id.
            page: 1-based page number.
            spans: Spans [start, end) in the document's text.

        Raises:
            SourceError: There is no such document, it is not a PDF, or its file has been deleted or changed.
            ReadError: The page cannot be rendered.
        """
        self._check_open()
        document = self._catalog.documents.get(document_id)
        if document.media_type != "application/pdf":
            raise SourceError(f"{document.source!r} is not a PDF, so rag cannot show its pages")
        data = original(self._catalog, document_id, document.source)
        return self._page_renderer.picture(data, document.anchors, page, spans)

    def fields(self, limit: int = 500) -> list[tuple[str, str, int]]:
        """Returns the metadata values that questions can be filtered by, most frequent first.

        Args:
            limit: Maximum number of values returned.

        Returns:
            (field, value, number of documents) for each value.
        """
        self._check_open()
        return self._catalog.documents.fields(limit)

    def version(self) -> int:
        """Returns a number that increases with every change to the library, no matter which process makes the change."""
        self._check_open()
        return self._catalog.commits()

    def is_empty(self) -> bool:
        """Returns whether the library contains no passages."""
        self._check_open()
        return self._catalog.passages.totals()[0] == 0

    # Questions

    def search(
        self, question: str, k: int | None = None, *, filters: Filter | None = None, rerank: bool = False
    ) -> list[Hit]:
        """Returns the k best passages for a question, best first.

        Args:
            question: The question.
            k: Number of passages, at least 1; the `k` setting if omitted.
            filters: Filter for the documents to search; all documents if omitted.
            rerank: Whether the reader reads the passages, which takes longer and ranks them better.

        Raises:
            QuestionError: The question is empty or too long.
            SettingsError: k is less than 1, or passages should be read but the `reader` setting is "off".
        """
        return list(self.search_with_timings(question, k, filters=filters, rerank=rerank).hits)

    def search_with_timings(
        self, question: str, k: int | None = None, *, filters: Filter | None = None, rerank: bool = False
    ) -> SearchResult:
        """Like `search`, but also returns the time each stage took and a notice for the user."""
        k = self._checked_k(k)
        if rerank and self.settings.reader == "off":
            raise SettingsError("passages cannot be reranked, because the reader is off", "set reader to on")
        self._vector_sync.prepare()
        if not rerank:
            found = self._search.find(question, k, filters)
            return SearchResult(found.hits, found.timings_ms, found.notice)
        found = self._search.find(question, max(k, self.settings.read_passages), filters)
        started = time.perf_counter()
        count, metadata = self.settings.read_passages, self._catalog.documents.metadata_of
        read = read_hits(question, found.hits, self._reader, metadata, count, thoroughly=True)
        timings = {**found.timings_ms, "read": round((time.perf_counter() - started) * 1000, 2)}
        return SearchResult(read.hits[:k], timings, found.notice)

    def ask(
        self,
        question: str,
        *,
        history: Sequence[Turn] = (),
        k: int | None = None,
        filters: Filter | None = None,
        wanted: Filter | None = None,
    ) -> Answer:
        """Answers a question, with citations that point to exact characters in the documents.

        Args:
            question: The question.
            history: Earlier questions and answers, most recent last. Follow-up questions may refer to them.
            k: Number of passages that the answer may use, at least 1; the `k` setting if omitted.
            filters: Filter for the documents to search; all documents if omitted.
            wanted: The former name of `filters`, which existing programs use.

        Raises:
            QuestionError: The question is empty or too long.
            SettingsError: k is less than 1.
        """
        for event in self.stream(question, history=history, k=k, filters=filters or wanted):
            if isinstance(event, AnswerDone):
                return event.answer
        raise AssertionError("an answer always ends with AnswerDone")

    def stream(
        self, question: str, *, history: Sequence[Turn] = (), k: int | None = None, filters: Filter | None = None
    ) -> Generator[Event]:
        """Like `ask`, but yields events: the passages found, pieces of the answer's text, and finally the complete answer.

        Closing the generator stops the model.
        """
        k = self._checked_k(k)
        self._vector_sync.prepare()
        yield from self._answerer.answer(question, k, filters, history)

    def explain(self, question: str, expected: str, *, k: int | None = None, filters: Filter | None = None) -> Explanation:
        """Asks a question, and explains why an expected text is, or is not, in the answer.

        Args:
            question: The question.
            expected: Text from a document.
            k: Number of passages that the answer may use, at least 1; the `k` setting if omitted.
            filters: Filter for the documents to search; all documents if omitted.

        Raises:
            QuestionError: The question or the expected text is empty, or the question is too long.
            SettingsError: k is less than 1.
        """
        k = self._checked_k(k)
        answer = self.ask(question, k=k, filters=filters)
        return self._explainer.explain(expected, answer, self._answerer.searches(question, k), filters)

    def trace_citation(self, saved: SavedCitation) -> CitationTrace:
        """Reports whether the text of a saved citation is unchanged, moved, changed or deleted."""
        self._check_open()
        ids = [id_ for id_, source in self._catalog.documents.live() if source == saved.source]
        documents = [self._catalog.documents.get(id_) for id_ in ids]
        # Two folders may contain a document with this name. Use the document that matches best.
        traces = [trace(saved, document.text, document.content_hash) for document in documents]
        return min(traces, key=lambda found: STATES.index(found.state), default=CitationTrace("deleted"))

    # Evaluation

    def evaluate(self, questions: QuestionSet) -> RunJSON:
        """Asks every question in a test set and scores the answers. To set options or store the run, use `evaluations`."""
        return self.evaluations.run(questions)

    @cached_property
    def evaluations(self) -> Evaluations:
        """Runs and stores evaluations, and tunes the abstention threshold."""
        from rag.evaluation.runner import Evaluations

        return Evaluations(self, self._catalog, self._answer_without_abstaining, self._run_conditions)

    # Maintenance

    def sync_vectors(self) -> int:
        """Updates Chroma, unless another process has it open; returns the number of changes.

        If Chroma fails, logs a warning. Searches then scan the vectors in the catalog, with the same results.
        """
        self._check_open()
        return self._vector_sync.sync()

    def preload(self) -> None:
        """Loads everything that would otherwise slow down the first question."""
        self._check_open()
        self._embedder.embed(["warm-up"])
        if self.settings.reader == "on":
            self._reader.read("warm-up", [("", "warm-up")], [0.0], 1)
        self._vector_sync.prepare()

    def status(self) -> IndexStatus:
        """Reports the contents of the index and the versions of the packages in use."""
        self._check_open()
        return health.status(self.folder, self._catalog, self._threshold())

    def check(self, *, repair: bool = False) -> Health:
        """Checks the index. With `repair`, rebuilds whatever can be rebuilt from the catalog."""
        self._check_open()
        from rag.models.inference import has_fast_kernel

        limited = health.limitations(sys.platform, has_fast_kernel=has_fast_kernel())
        return health.check(self.folder, self._catalog, self._vector_search, limited, repair=repair)

    def back_up(self, path: str | Path) -> int:
        """Backs up the catalog to a file, without blocking other processes; returns the file's size in bytes.

        Everything else in the index folder can be rebuilt from the catalog.

        Raises:
            SourceError: The file already exists.
            StorageError: The file cannot be written.
        """
        self._check_open()
        return self._catalog.back_up(Path(path))

    @staticmethod
    def restore(backup: str | Path, index: str | Path = "index") -> Path | None:
        """Replaces an index's catalog with a backup.

        Returns:
            The folder that the old catalog was copied to; None if there was no old catalog.

        Raises:
            SourceError: The backup does not exist.
            IndexBusyError: Another process has the index open.
            IndexDamagedError: The backup is damaged; nothing was changed.
            StorageError: The folder cannot be written to.
        """
        return restore_backup(Path(backup), Path(index))

    def reindex(self, *, on_progress: OnProgress = _no_progress, timeout_s: float = TIMEOUT_S) -> ReindexReport:
        """Re-splits and re-embeds all documents with the current settings; meanwhile, searches use the old passages.

        The switch to the new passages happens in a single transaction. The previous index version is kept until
        `compact` is called, so calling `reindex` again with the old settings switches back. An interrupted call resumes
        where it left off.

        Raises:
            IndexBusyError: Another process is still importing; the message names that process.
            EmbedderError: The embedder failed; the work done so far is kept, and the old index version remains in use.
        """
        self._check_open()
        with import_turn(self.folder, timeout_s):
            report = Reindexer(self._catalog, self._splitter, self._embedder).run(on_progress)
        self._imports.changed |= report.switched
        return report

    def compact(self) -> tuple[int, int]:
        """Erases all traces of removed documents from disk, and frees the space.

        Also erases the data kept for undoing a reindex or a restore. Rebuilds Chroma.

        Returns:
            The size of the index folder before and after, in bytes.

        Raises:
            IndexBusyError: Another process is importing, has Chroma open, or is still reading the index.
        """
        self._check_open()
        with import_turn(self.folder):
            return compaction.compact(self.folder, self._catalog, self._vector_search, self._vector_sync.sync)

    # Components

    @property
    def chat_model(self) -> ChatModel | None:
        """The model that writes answers; None if answers are extracted from the documents."""
        return self._chat_model

    @cached_property
    def _chat_model(self) -> ChatModel | None:
        name = self.settings.chat_model_name()
        if self._custom_chat_model is not None or not name:
            return self._custom_chat_model
        from rag.models.chat_model import OpenAIChatModel

        return OpenAIChatModel(
            name,
            self.settings.base_url,
            self.settings.api_key,
            first_token_s=self.settings.first_token_s,
            total_s=self.settings.total_s,
        )

    @cached_property
    def _embedder(self) -> Embedder:
        if self._custom_embedder is not None:
            return self._custom_embedder
        if self.settings.embedder == SHIPPED_EMBEDDER:
            return self._shipped_embedder
        with self._loading:
            from rag.models.embeddings_endpoint import EndpointEmbedder

            url = self.settings.embedder_url or self.settings.base_url
            return EndpointEmbedder(self.settings.embedder.removeprefix("openai:"), url, self.settings.api_key)

    @cached_property
    def _shipped_embedder(self) -> MiniLM:
        """The built-in embedder, which counts tokens and scores sentences even if another embedder is configured."""
        with self._loading:
            from rag.models.embedder import MiniLM

            return MiniLM()

    @cached_property
    def _reader(self) -> PassageReader:
        with self._loading:
            from rag.models.reader import Reader

            return Reader()

    @cached_property
    def _splitter(self) -> Splitter:
        if self._custom_splitter is not None:
            return self._custom_splitter
        from rag.index.splitting import SentencePacker

        return SentencePacker(self.settings.passage_tokens, self._shipped_embedder.token_starts)

    @cached_property
    def _parser(self) -> Parser:
        from rag.sources.parser_process import Parser

        return Parser(ocr=self.settings.ocr == "on")

    @cached_property
    def _page_renderer(self) -> Parser:
        """A second parser process, for rendering pages, so that a user who views a page never waits for an import."""
        from rag.sources.parser_process import Parser

        return Parser()

    @cached_property
    def _fetcher(self) -> Fetcher:
        from rag.sources.web_pages import Fetcher

        return Fetcher(allow_private=self.settings.private_urls == "allow")

    @cached_property
    def _ingest(self) -> Ingest:
        from rag.sources.decoding.ocr import is_installed
        from rag.sources.parsers import VERSION

        with_ocr = self.settings.ocr == "on" and is_installed()
        return Ingest(
            self._catalog,
            self._parser,
            self._splitter,
            self._embedder,
            max_file_mb=self.settings.max_file_mb,
            parsers_version=f"{VERSION} with ocr" if with_ocr else VERSION,
        )

    @cached_property
    def _answerer(self) -> Answerer:
        return self._build_answerer(self._threshold, self._chat_model)

    def _build_answerer(self, threshold: Callable[[], float], chat_model: ChatModel | None) -> Answerer:
        documents = self._catalog.documents
        extractive = ExtractiveAnswers(documents, sentences=self.settings.sentences, threshold=threshold)
        return Answerer(
            self._search,
            documents,
            lambda: self._shipped_embedder,
            (lambda: self._reader) if self.settings.reader == "on" else None,
            extractive,
            chat_model,
            prompt_tokens=self.settings.prompt_tokens(),
            read_passages=self.settings.read_passages,
        )

    def _answer_without_abstaining(self, question: str, filters: Filter | None) -> Answer:
        """Returns the extractive answer, even if its evidence is weak."""
        self._vector_sync.prepare()
        events = self._build_answerer(lambda: 0.0, None).answer(question, self.settings.k, filters, ())
        return next(event.answer for event in events if isinstance(event, AnswerDone))

    def _threshold(self) -> float:
        """Returns the abstention threshold from the settings, or else the one tuned for this index, or else the default."""
        if self.settings.evidence != Settings().evidence or not self._catalog.meta.get("calibration"):
            return self.settings.evidence
        tuned = self.evaluations.load_calibration()
        return tuned.threshold if tuned is not None else self.settings.evidence

    def _run_conditions(self) -> RunConditions:
        from rag.evaluation.runner import RunConditions

        settings, status = self.settings, self.status()
        return RunConditions(
            settings={
                "model": settings.chat_model_name() or EXTRACTION,
                "embedder": status.embedder,
                "splitter": self._catalog.versions.current().splitter,
                "k": settings.k,
                "sentences": settings.sentences,
                "evidence": status.evidence,
            },
            index={"documents": status.documents, "passages": status.passages},
            versions=status.versions,
        )

    def _checked_k(self, k: int | None) -> int:
        self._check_open()
        if k is not None and k < 1:
            raise SettingsError(f"k must be at least 1, not {k}", "k is the number of passages")
        return self.settings.k if k is None else k

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("the library is closed", "open it again: Library.open(index)")


def _common_stems() -> list[str]:
    """Returns the most frequent English word stems, most frequent first (see rag/models/weights/README.md)."""
    return (Path(__file__).parent / "models" / "weights" / "common-stems.txt").read_text(encoding="utf-8").split()
