"""Splits and embeds all documents again into a new index version, and switches to it in one transaction.

Until then, questions are answered from the old version. An interrupted reindexing resumes where it left off. The previous
version is kept, so that switching back is quick. Files are not parsed again, because their text is in the catalog.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from rag.index.importing.batch_writer import TOGETHER
from rag.index.indexed_text import embedded_text, new_passages
from rag.index.records import IndexVersion
from rag.index.splitting import passages_of
from rag.ports import Embedder, Splitter
from rag.records import Document, Passage, Progress, ReindexReport

if TYPE_CHECKING:
    from rag.index.catalog import Catalog


@dataclass(frozen=True, slots=True)
class _Part:
    """Some of a document's passages, each with its text. `is_last` is True if these are the document's last passages."""

    document_id: int
    document: Document
    passages: list[tuple[Passage, str]]
    is_last: bool


class Reindexer:
    """Rebuilds the passages of one catalog. The caller holds the import lock.

    Args:
        catalog: The catalog whose documents are reindexed.
        splitter: Splits text into passages.
        embedder: Embeds passages.
    """

    def __init__(self, catalog: Catalog, splitter: Splitter, embedder: Embedder) -> None:
        self._catalog = catalog
        self._splitter = splitter
        self._embedder = embedder

    def run(self, on_progress: Callable[[Progress], None]) -> ReindexReport:
        """Builds the index version for this splitter and embedder, and makes it the current one.

        Args:
            on_progress: Called with the progress.

        Raises:
            EmbedderError: The embedder failed; the work so far is kept, and the old version stays current.
        """
        started = time.monotonic()
        embedder, splitter = self._embedder.name, self._splitter.name
        current = self._catalog.versions.current()
        if (current.embedder, current.splitter) == (embedder, splitter):
            return ReindexReport(documents=0, passages=0, embedder=embedder, splitter=splitter, switched=False, seconds=0.0)
        self._catalog.sweep(unfinished_too=True)
        version = self._version(embedder, splitter)
        documents = passages = 0
        while True:  # repeated, because other processes may add documents in the meantime
            missing = self._catalog.versions.missing_documents(version)
            for batch in _batched(self._parts(version, missing)):
                self._store(version, batch)
                documents += sum(part.is_last for part in batch)
                passages += sum(len(part.passages) for part in batch)
                on_progress(Progress(batch[-1].document.source, documents, len(missing), passages))
            if self._catalog.versions.switch_to(version):
                break
        self._catalog.sweep(unfinished_too=True)
        return ReindexReport(
            documents=documents,
            passages=passages,
            embedder=embedder,
            splitter=splitter,
            switched=True,
            seconds=round(time.monotonic() - started, 3),
        )

    def _version(self, embedder: str, splitter: str) -> IndexVersion:
        """Returns the index version to fill.

        The catalog may still have an earlier version, finished or not. If it was built with this embedder and splitter, it
        is used again. Otherwise, it is deleted and a new version is started.
        """
        other = self._catalog.versions.other()
        if other is not None and (other.embedder, other.splitter) == (embedder, splitter):
            return other
        if other is not None:
            self._catalog.versions.drop(other)
        return self._catalog.versions.begin(embedder, splitter)

    def _parts(self, version: IndexVersion, document_ids: list[int]) -> Iterator[_Part]:
        """Yields the passages that are still missing from a version, one part of a document at a time."""
        for document_id in document_ids:
            document = self._catalog.documents.without_text(document_id)
            if document is None:
                continue
            text = "".join(self._catalog.documents.text_blocks(document_id))
            stored = self._catalog.versions.last_start(version, document_id)
            blocks = self._catalog.blocks.of(document_id)
            passages = passages_of(self._splitter, text, blocks, document.has_headings)
            missing = ((passage, text[passage.start : passage.end]) for passage in passages if passage.start > stored)
            part = list(islice(missing, TOGETHER))
            while part:
                following = list(islice(missing, TOGETHER))
                yield _Part(document_id, document, part, is_last=not following)
                part = following
            if stored >= 0:  # all passages may be stored although the document is not yet marked as complete
                yield _Part(document_id, document, [], is_last=True)

    def _store(self, version: IndexVersion, batch: list[_Part]) -> None:
        """Embeds the passages of several parts together, and stores them in one transaction."""
        vectors = self._embedder.embed(
            [embedded_text(part.document.title, p.heading, text) for part in batch for p, text in part.passages]
        )
        at = 0
        with self._catalog.transaction():
            for part in batch:
                new = list(new_passages(part.document_id, version.id, part.document, self._embedder.name, part.passages))
                ids = self._catalog.passages.add(part.document_id, new, version.id)
                if ids:  # empty if the document was removed in the meantime
                    self._catalog.vectors.store(ids, vectors[at : at + len(part.passages)])
                at += len(part.passages)
                if part.is_last:
                    self._catalog.versions.finish_document(version, part.document_id)


def _batched(parts: Iterator[_Part]) -> Iterator[list[_Part]]:
    """Groups parts into batches of about `TOGETHER` passages each."""
    batch: list[_Part] = []
    for part in parts:
        batch.append(part)
        if sum(len(part.passages) for part in batch) >= TOGETHER:
            yield batch
            batch = []
    if batch:
        yield batch
