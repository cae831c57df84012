"""Embeds and stores documents that were read and split, some together. Nothing is acknowledged before it is on disk.

Small documents are embedded together and committed together. A long one is committed with its words first, so that it is
found while its vectors follow; a changed one replaces its older revision only when it is complete. Passages that an older
revision has are not embedded again. It reads no file.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from rag.errors import EmbedderError
from rag.index.records import FileSeen, NewPassage, Revision
from rag.ports import Embedder
from rag.records import Document, Failure, Passage, Progress
from rag.text.terms import terms

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rag.index.catalog import Catalog

    Vector = NDArray[np.float32]

_log = logging.getLogger(__name__)

TOGETHER = 256  # passages embedded and committed together: some seconds of work, which is what a kill can cost
TOGETHER_CHARACTERS = 4_000_000  # of documents that wait for each other
LONG = 1_024  # passages from which a document is committed with its words first
_WORDS_AT_ONCE = 4_000  # passages of a long document written in one transaction
_MOST_TITLE = 240  # code points of a title embedded with each passage: room is left for the passage itself

OnProgress = Callable[[Progress], None]


@dataclass(slots=True)
class Tally:
    """A `SyncReport` in the making."""

    on_progress: OnProgress
    found: int = 0  # passages of long documents stored so far, whose vectors follow
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    passages: int = 0
    failed: list[Failure] = field(default_factory=list)
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class PreparedDocument:
    """A document read and split, waiting to be embedded with others.

    Attributes:
        more: The passages after these, of a long document; None when these are all.
        file: Source of the file it came in.
        done: What is remembered of the file once this document, its last, is in.
        older: The revision it takes the place of, or that stood under another name; None if it is new.
    """

    root_id: int
    document: Document
    passages: list[Passage]
    more: Iterator[Passage] | None
    file: str
    done: FileOutcome | None
    older: Revision | None


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """A file that was read whole.

    Attributes:
        seen: What the scan saw of it, and of the parts of it that failed.
        gone: Documents it held before, and holds no more.
        original: Its bytes, where they are nowhere else.
    """

    seen: tuple[FileSeen, ...]
    gone: tuple[int, ...] = ()
    original: bytes | None = None


class BatchWriter:
    """Stores documents in one catalog. The caller holds the import lock.

    Args:
        catalog: Where documents go.
        embedder: Gives their passages vectors.
    """

    def __init__(self, catalog: Catalog, embedder: Embedder) -> None:
        self._catalog = catalog
        self._embedder = embedder

    def store(self, documents: Iterable[PreparedDocument], tally: Tally) -> None:
        """Embeds and stores documents, some together: few at first, so that the embedder begins at once."""
        waiting: list[PreparedDocument] = []
        together = TOGETHER // 8
        for ready in documents:
            if ready.more is not None:
                self._commit_long(ready, ready.more, tally)
                continue
            waiting.append(ready)
            if sum(len(r.passages) for r in waiting) >= together or sum(map(characters, waiting)) >= TOGETHER_CHARACTERS:
                self._commit(waiting, tally)
                waiting, together = [], min(2 * together, TOGETHER)
        self._commit(waiting, tally)

    def finish(self, root_id: int, done: FileOutcome) -> None:
        """Remembers that a file was read whole, and removes what it holds no more."""
        self._catalog.remove(done.gone)
        self._catalog.saw(root_id, done.seen)
        if done.original is not None:
            self._catalog.keep_original(done.seen[0].content_hash, done.original)

    def _commit(self, batch: Sequence[PreparedDocument], tally: Tally) -> None:
        """Embeds and stores documents together. If the embedder fails, they are stored with their words only."""
        if not batch:
            return
        texts = [embedded_text(r.document.title, p.heading, _cut(r.document, p)) for r in batch for p in r.passages]
        held = [vector for ready in batch for vector in map(self._held(ready), ready.passages)]
        missing = [i for i, vector in enumerate(held) if vector is None]
        try:
            embedded = self._embedded([texts[i] for i in missing]) if missing else None
        except EmbedderError as error:
            _log.warning("no vectors for %d passages yet: %s", len(missing), error)
            missing, embedded = [], None
        for i, vector in zip(missing, embedded if embedded is not None else (), strict=True):
            held[i] = vector
        at = 0
        with self._catalog.transaction():
            edition = self._catalog.current().id
            for ready in batch:
                vectors = held[at : at + len(ready.passages)]
                at += len(ready.passages)
                if self._catalog.is_forgotten(ready.root_id, ready.document.source):
                    continue  # removed by hand since it was read
                document_id = self._catalog.stage(ready.root_id, ready.document, ready.file)
                new = list(self._worded(document_id, edition, ready.document, ready.passages))
                self._keep(document_id, self._catalog.add_passages(document_id, new, edition), vectors)
                self._catalog.publish(document_id)
                self._count(ready, tally)
        tally.passages += len(missing)
        # All files may have been read long before: whoever wants to stop the import, or to show it, is asked here.
        tally.on_progress(Progress(batch[-1].document.source, tally.done, tally.total, tally.passages, tally.found))

    def _held(self, ready: PreparedDocument) -> Callable[[Passage], Vector | None]:
        """The vectors that passages have already, from an older revision where the same words stand under the same title.

        What is there under another name is the same document, though its title may come from its name.
        """
        older = ready.older
        facts = self._catalog.revision(older.id) if older is not None else None
        if older is None or facts is None:
            return _nothing
        moved = older.content_hash == ready.document.content_hash
        if not moved and facts.title != ready.document.title:
            return _nothing
        held = self._catalog.held_vectors(older.id)
        return lambda passage: held.get((passage.heading, _cut(ready.document, passage)))

    def _keep(self, document_id: int, passage_ids: Sequence[int], vectors: Sequence[Vector | None]) -> None:
        """Stores the vectors that are there; none where the document was removed meanwhile."""
        found = [(id_, vector) for id_, vector in zip(passage_ids, vectors, strict=False) if vector is not None]
        if found:
            import numpy as np

            self._catalog.add_vectors(document_id, [id_ for id_, _ in found], np.stack([vector for _, vector in found]))

    def _count(self, ready: PreparedDocument, tally: Tally) -> None:
        """What is done once a document is in."""
        if ready.done is not None:
            self.finish(ready.root_id, ready.done)
        is_update = ready.older is not None and ready.older.file == ready.file
        tally.added += not is_update
        tally.updated += is_update

    def _commit_long(self, ready: PreparedDocument, more: Iterator[Passage], tally: Tally) -> None:
        """Stores a long document with its words, in several short transactions; its vectors follow."""
        document_id = self._catalog.stage(ready.root_id, ready.document, ready.file)
        edition, held = self._catalog.current().id, self._held(ready)
        part = ready.passages
        while part:
            new = list(self._worded(document_id, edition, ready.document, part))
            ids = self._catalog.add_passages(document_id, new, edition)
            if not ids:
                return  # removed by hand meanwhile
            self._keep(document_id, ids, list(map(held, part)))
            tally.found += len(part)
            tally.on_progress(Progress(ready.document.source, tally.done, tally.total, tally.passages, tally.found))
            part = list(islice(more, _WORDS_AT_ONCE))
        with self._catalog.transaction():
            if self._catalog.is_forgotten(ready.root_id, ready.document.source):
                self._catalog.discard(document_id)
                return
            if not self._catalog.publish(document_id):
                return
            self._count(ready, tally)

    def embed_pending(self, tally: Tally) -> None:
        """Gives vectors to passages that have none yet, oldest first, and shows the revisions that waited for them.

        Raises:
            EmbedderError: The embedder failed; what has words only stays so until the next import.
        """
        while pending := self._catalog.pending(TOGETHER):
            vectors = self._embedded(
                [
                    embedded_text(
                        p.title, p.passage.heading, self._catalog.text(p.document_id, p.passage.start, p.passage.end)
                    )
                    for p in pending
                ]
            )
            with self._catalog.transaction():
                for document_id in {p.document_id for p in pending}:
                    rows = [i for i, p in enumerate(pending) if p.document_id == document_id]
                    self._catalog.add_vectors(document_id, [pending[i].id for i in rows], vectors[rows])
                    self._catalog.publish(document_id)
            tally.passages += len(pending)
            tally.on_progress(Progress(pending[-1].source, tally.done, tally.total, tally.passages, tally.found))

    def _embedded(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = self._embedder.embed(texts)
        self._catalog.check_dimension(vectors)
        return vectors

    def _worded(
        self, document_id: int, edition: int, document: Document, passages: Iterable[Passage]
    ) -> Iterator[NewPassage]:
        texts = ((passage, _cut(document, passage)) for passage in passages)
        return worded(document_id, edition, document, self._embedder.name, texts)


def embedded_text(title: str, heading: str, text: str) -> str:
    r"""What the embedder sees of a passage: the title and headings it stands under too, which are never quoted.

    Example:
        >>> embedded_text("Annual report", "", "Sales rose.")
        'Annual report\nSales rose.'
    """
    return "\n".join(part for part in (title[:_MOST_TITLE], heading[-_MOST_TITLE:], text) if part)


def worded(
    document_id: int, edition: int, document: Document, embedder: str, passages: Iterable[tuple[Passage, str]]
) -> Iterator[NewPassage]:
    """Passages with their keys and the words they are found by: the title's and the headings' too.

    Args:
        document_id: The revision's.
        edition: The edition's id.
        document: Its title and content hash are used.
        embedder: Its name.
        passages: Each with its text.
    """
    title = terms(document.title)
    heading, above = "", list(title)
    for passage, text in passages:
        if passage.heading != heading:
            heading = passage.heading
            above = title + terms(heading)
        # The id of the revision is part of the key: a passage embedded anew never shares one with its older self.
        name = f"{edition}\0{document_id}\0{document.content_hash}\0{passage.start}\0{passage.end}\0{embedder}"
        key = hashlib.blake2b(name.encode(), digest_size=16).hexdigest()
        yield NewPassage(passage, key, " ".join(above + terms(text)))


def _nothing(_: Passage) -> None:
    """No passage has a vector yet."""


def characters(ready: PreparedDocument) -> int:
    """How much room a document takes that waits."""
    return len(ready.document.text)


def _cut(document: Document, passage: Passage) -> str:
    return document.text[passage.start : passage.end]
