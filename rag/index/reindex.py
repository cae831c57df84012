"""Cuts and embeds all documents anew, beside what is asked meanwhile, and switches in one moment.

A reindexing that was cut off goes on where it stopped. The edition it replaces is kept, so going back to its embedder and
splitter is quick. Documents are not read again: their text is in the catalog.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from rag.index.batch_writer import TOGETHER, embedded_text, worded
from rag.index.records import IndexVersion
from rag.ports import Embedder, Splitter
from rag.records import Document, Passage, Progress, ReindexReport

if TYPE_CHECKING:
    from rag.index.catalog import Catalog

_Piece = tuple[int, Document, list[tuple[Passage, str]], bool]  # document id, its facts, passages, whether it ends there


class Reindexer:
    """Builds one catalog's passages anew. The caller holds the import lock.

    Args:
        catalog: Whose.
        splitter: Cuts text into passages.
        embedder: Gives them vectors.
    """

    def __init__(self, catalog: Catalog, splitter: Splitter, embedder: Embedder) -> None:
        self._catalog = catalog
        self._splitter = splitter
        self._embedder = embedder

    def run(self, on_progress: Callable[[Progress], None]) -> ReindexReport:
        """Builds the edition of this splitter and embedder, and has it asked from then on.

        Args:
            on_progress: Told of progress.

        Raises:
            EmbedderError: The embedder failed; what is done is kept, and the old edition is asked as before.
        """
        begun = time.monotonic()
        wanted = (self._embedder.name, self._splitter.name)
        current = self._catalog.current()
        if (current.embedder, current.splitter) == wanted:
            return ReindexReport(0, 0, *wanted, False, 0.0)
        self._catalog.sweep(unfinished_too=True)
        edition = self._begun(wanted)
        documents = passages = 0
        while True:
            uncut = self._catalog.uncut(edition)
            for batch in _batched(self._pieces(edition, uncut)):
                self._store(edition, batch)
                documents += sum(ends for *_, ends in batch)
                passages += sum(len(cut) for _, _, cut, _ in batch)
                on_progress(Progress(batch[-1][1].source, documents, len(uncut), passages))
            if self._catalog.switch_to(edition):
                break
        self._catalog.sweep(unfinished_too=True)
        return ReindexReport(documents, passages, *wanted, True, round(time.monotonic() - begun, 3))

    def _begun(self, wanted: tuple[str, str]) -> IndexVersion:
        """The edition that was begun or kept for this embedder and splitter; else a new one in the place of the other."""
        other = self._catalog.other_index_version()
        if other is not None and (other.embedder, other.splitter) == wanted:
            return other
        if other is not None:
            self._catalog.drop_index_version(other)
        return self._catalog.begin_index_version(*wanted)

    def _pieces(self, edition: IndexVersion, document_ids: list[int]) -> Iterator[_Piece]:
        """What is missing of each document, a part at a time."""
        for document_id in document_ids:
            document = self._catalog.revision(document_id)
            if document is None:
                continue
            text = "".join(self._catalog.text_blocks(document_id))
            stored = self._catalog.cut_so_far(edition, document_id)
            cut = self._splitter.split(text, document.has_headings)
            missing = ((passage, text[passage.start : passage.end]) for passage in cut if passage.start > stored)
            part = list(islice(missing, TOGETHER))
            while part:
                following = list(islice(missing, TOGETHER))
                yield document_id, document, part, not following
                part = following
            if stored >= 0:  # it may have been whole but for the note of it
                yield document_id, document, [], True

    def _store(self, edition: IndexVersion, batch: list[_Piece]) -> None:
        """Embeds and stores some pieces together."""
        vectors = self._embedder.embed(
            [embedded_text(document.title, p.heading, text) for _, document, cut, _ in batch for p, text in cut]
        )
        at = 0
        with self._catalog.transaction():
            for document_id, document, cut, ends in batch:
                new = list(worded(document_id, edition.id, document, self._embedder.name, cut))
                ids = self._catalog.add_passages(document_id, new, edition.id)
                if ids:  # unless it was removed meanwhile
                    self._catalog.store_vectors(ids, vectors[at : at + len(cut)])
                at += len(cut)
                if ends:
                    self._catalog.finish_cut(edition, document_id)


def _batched(pieces: Iterator[_Piece]) -> Iterator[list[_Piece]]:
    """Pieces of some `TOGETHER` passages in all."""
    batch: list[_Piece] = []
    for piece in pieces:
        batch.append(piece)
        if sum(len(cut) for _, _, cut, _ in batch) >= TOGETHER:
            yield batch
            batch = []
    if batch:
        yield batch
