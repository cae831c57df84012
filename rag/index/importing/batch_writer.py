"""Embeds documents that have been parsed and split, and stores them in batches. Every acknowledged document is on disk.

Small documents are embedded and committed together. A long document is first committed without vectors, so that it can
be found by its wording immediately; its vectors are added later. The new revision of a changed document replaces the older
one only when the new one is complete. Passages that the older revision already contains are not embedded again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from rag.errors import EmbedderError
from rag.index.indexed_text import embedded_text, new_passages
from rag.index.records import FileSeen, NewPassage, Revision
from rag.ports import Embedder
from rag.records import Document, Failure, Passage, Progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rag.index.catalog import Catalog

    Vector = NDArray[np.float32]

_log = logging.getLogger(__name__)

TOGETHER = 256  # passages per batch; embedding them takes a few seconds, and this work is lost if the process is killed
TOGETHER_CHARACTERS = 4_000_000  # a batch is committed when its documents have this many code points in total
LONG = 1_024  # a document with at least this many passages is committed before it has vectors
_WORDS_AT_ONCE = 4_000  # passages of a long document written per transaction

OnProgress = Callable[[Progress], None]


@dataclass(slots=True)
class Tally:
    """Counts what an import has done so far. The final counts are returned in the import's `SyncReport`.

    Attributes:
        found: Number of passages of long documents that have been stored so far, before their vectors are computed.
        done: Number of files whose import has started.
        total: Number of files to import; 0 if it is not known in advance.
    """

    on_progress: OnProgress
    found: int = 0
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    passages: int = 0
    failed: list[Failure] = field(default_factory=list)
    done: int = 0
    total: int = 0

    def start(self, source: str) -> None:
        """Reports that the import of a file is starting, and adds 1 to `done`."""
        self.on_progress(Progress(source, self.done, self.total, self.passages))
        self.done += 1

    def report(self, source: str) -> None:
        """Reports the import's progress. Called after every commit, because commits continue after all files are parsed."""
        self.on_progress(Progress(source, self.done, self.total, self.passages, self.found))


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """The result of parsing a file completely.

    Attributes:
        seen: The file's state at the scan, followed by an entry for each part of the file that could not be read.
        gone: Ids of documents that the file no longer contains.
        original: The original bytes if they did not come from a file on disk (but from a web page, say); else None.
    """

    seen: tuple[FileSeen, ...]
    gone: tuple[int, ...] = ()
    original: bytes | None = None


@dataclass(frozen=True, slots=True)
class PreparedDocument:
    """A document that was parsed and split, and is waiting to be embedded.

    Attributes:
        more: The remaining passages of a long document; None if `passages` contains all of them.
        file: Source of the file that the document was read from.
        outcome: For the last document in a file, the file's outcome, which is recorded once this document is stored;
            None for the other documents.
        older: The revision that this document replaces, or the same document under its former name; None if the
            document is new.
    """

    root_id: int
    document: Document
    passages: list[Passage]
    more: Iterator[Passage] | None
    file: str
    outcome: FileOutcome | None
    older: Revision | None


class BatchWriter:
    """Stores documents in one catalog. The caller holds the import lock.

    Args:
        catalog: The catalog in which the documents are stored.
        embedder: The embedder for the documents' passages.
        parser: Version of the parsers that read the documents.
    """

    def __init__(self, catalog: Catalog, embedder: Embedder, parser: str) -> None:
        self._catalog = catalog
        self._parser = parser
        self._embedder = embedder

    def store(self, documents: Iterable[PreparedDocument], tally: Tally) -> None:
        """Embeds and stores documents in batches. The first batches are small, so that embedding starts immediately."""
        batch: list[PreparedDocument] = []
        together = TOGETHER // 8
        for prepared in documents:
            if prepared.more is not None:
                self._commit_long(prepared, prepared.more, tally)
                continue
            batch.append(prepared)
            if sum(len(p.passages) for p in batch) >= together or sum(map(characters, batch)) >= TOGETHER_CHARACTERS:
                self._commit(batch, tally)
                batch, together = [], min(2 * together, TOGETHER)
        self._commit(batch, tally)

    def finish_file(self, root_id: int, outcome: FileOutcome) -> None:
        """Records that a file was parsed completely, and hides documents that the file no longer contains."""
        self._catalog.documents.hide(outcome.gone)
        self._catalog.files.record_scans(root_id, outcome.seen)
        if outcome.original is not None:
            self._catalog.files.keep_original(outcome.seen[0].content_hash, outcome.original)

    def embed_waiting(self, tally: Tally) -> None:
        """Embeds passages that have no vector yet, oldest first, and publishes revisions that were waiting for vectors.

        Raises:
            EmbedderError: The embedder failed; until the next import, the remaining passages can be found only by their
                wording.
        """
        while waiting := self._catalog.passages.waiting(TOGETHER):
            texts = []
            for p in waiting:
                text = self._catalog.documents.text(p.document_id, p.passage.start, p.passage.end)
                texts.append(embedded_text(p.title, p.passage.heading, text))
            vectors = self._embed(texts)
            with self._catalog.transaction():
                for document_id in {p.document_id for p in waiting}:
                    rows = [i for i, p in enumerate(waiting) if p.document_id == document_id]
                    self._catalog.vectors.add(document_id, [waiting[i].id for i in rows], vectors[rows])
                    self._catalog.documents.publish(document_id)
            tally.passages += len(waiting)
            tally.report(waiting[-1].source)

    def _commit(self, batch: Sequence[PreparedDocument], tally: Tally) -> None:
        """Embeds and stores a batch of documents. If the embedder fails, the documents are stored without new vectors."""
        if not batch:
            return
        vectors, embedded = self._batch_vectors(batch)
        at = 0
        with self._catalog.transaction():
            version = self._catalog.versions.current().id
            for prepared in batch:
                own = vectors[at : at + len(prepared.passages)]
                at += len(prepared.passages)
                if self._catalog.files.is_removed(prepared.root_id, prepared.document.source):
                    continue  # the user has removed the document since it was parsed
                document_id = self._stage(prepared)
                new = list(self._new_passages(document_id, version, prepared.document, prepared.passages))
                self._store_vectors(document_id, self._catalog.passages.add(document_id, new, version), own)
                self._catalog.documents.publish(document_id)
                self._finish_document(prepared, tally)
        tally.passages += embedded
        tally.report(batch[-1].document.source)

    def _stage(self, prepared: PreparedDocument) -> int:
        return self._catalog.documents.stage(prepared.root_id, prepared.document, prepared.file, parser=self._parser)

    def _batch_vectors(self, batch: Sequence[PreparedDocument]) -> tuple[list[Vector | None], int]:
        """Returns each passage's vector (None if the embedder failed), and the number of passages that were embedded."""
        vectors = [vector for prepared in batch for vector in map(self._known_vectors(prepared), prepared.passages)]
        missing = [i for i, vector in enumerate(vectors) if vector is None]
        if not missing:
            return vectors, 0
        texts = [
            embedded_text(prepared.document.title, passage.heading, _text_of(prepared.document, passage))
            for prepared in batch
            for passage in prepared.passages
        ]
        try:
            embedded = self._embed([texts[i] for i in missing])
        except EmbedderError as error:
            _log.warning("%d passages have no vectors yet: %s", len(missing), error)
            return vectors, 0
        for i, vector in zip(missing, embedded, strict=True):
            vectors[i] = vector
        return vectors, len(missing)

    def _commit_long(self, prepared: PreparedDocument, more: Iterator[Passage], tally: Tally) -> None:
        """Stores a long document in several short transactions; vectors that still have to be computed are added later."""
        document_id = self._stage(prepared)
        version, known = self._catalog.versions.current().id, self._known_vectors(prepared)
        part = prepared.passages
        while part:
            new = list(self._new_passages(document_id, version, prepared.document, part))
            ids = self._catalog.passages.add(document_id, new, version)
            if not ids:
                return  # the user has removed the document in the meantime
            self._store_vectors(document_id, ids, list(map(known, part)))
            tally.found += len(part)
            tally.report(prepared.document.source)
            part = list(islice(more, _WORDS_AT_ONCE))
        with self._catalog.transaction():
            if self._catalog.files.is_removed(prepared.root_id, prepared.document.source):
                self._catalog.documents.discard(document_id)
                return
            if self._catalog.documents.publish(document_id):
                self._finish_document(prepared, tally)

    def _known_vectors(self, prepared: PreparedDocument) -> Callable[[Passage], Vector | None]:
        """Returns a function that looks up a passage's vector in the older revision.

        A vector can be reused if the passage's text and headings and the document's title are unchanged. The title may
        differ if the document was only renamed, because some titles are derived from the file name.
        """
        older = prepared.older
        facts = self._catalog.documents.without_text(older.id) if older is not None else None
        if older is None or facts is None:
            return _no_vector
        moved = older.content_hash == prepared.document.content_hash
        if not moved and facts.title != prepared.document.title:
            return _no_vector
        known = self._catalog.vectors.of_revision(older.id)
        return lambda passage: known.get((passage.heading, _text_of(prepared.document, passage)))

    def _store_vectors(self, document_id: int, passage_ids: Sequence[int], vectors: Sequence[Vector | None]) -> None:
        """Stores the vectors that are not None, unless the document was removed in the meantime."""
        found = [(id_, vector) for id_, vector in zip(passage_ids, vectors, strict=False) if vector is not None]
        if found:
            import numpy as np

            self._catalog.vectors.add(document_id, [id_ for id_, _ in found], np.stack([vector for _, vector in found]))

    def _finish_document(self, prepared: PreparedDocument, tally: Tally) -> None:
        if prepared.outcome is not None:
            self.finish_file(prepared.root_id, prepared.outcome)
        is_update = prepared.older is not None and prepared.older.file == prepared.file
        tally.added += not is_update
        tally.updated += is_update

    def _embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = self._embedder.embed(texts)
        self._catalog.vectors.check_dimension(vectors)
        return vectors

    def _new_passages(
        self, document_id: int, version: int, document: Document, passages: Iterable[Passage]
    ) -> Iterator[NewPassage]:
        texts = ((passage, _text_of(document, passage)) for passage in passages)
        return new_passages(document_id, version, document, self._embedder.name, texts)


def characters(prepared: PreparedDocument) -> int:
    """Returns the length of a waiting document's text, in code points, as an estimate of its memory use."""
    return len(prepared.document.text)


def _no_vector(_: Passage) -> None:
    return None


def _text_of(document: Document, passage: Passage) -> str:
    return document.text[passage.start : passage.end]
