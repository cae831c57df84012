"""Splits the new and changed documents of a file into passages, which `batch_writer` then embeds and stores."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from rag.index.importing.batch_writer import LONG, BatchWriter, FileOutcome, PreparedDocument, Tally
from rag.index.records import FileSeen, Revision
from rag.index.splitting import passages_of
from rag.ports import Splitter
from rag.records import Document
from rag.sources.records import ParsedFile
from rag.text.language import language_of

if TYPE_CHECKING:
    from rag.index.catalog import Catalog


@dataclass(frozen=True, slots=True)
class Before:
    """The documents under a root before an import.

    Attributes:
        of_file: Maps each file's source to the newest revisions of the file's documents, by the documents' sources.
        moved: Maps content hashes to the newest revisions of documents whose files have vanished or were renamed.
    """

    of_file: Mapping[str, Mapping[str, Revision]]
    moved: Mapping[str, Revision]

    @classmethod
    def of(cls, revisions: Mapping[str, list[Revision]], there: Collection[str] | None = None) -> Before:
        """Returns the documents under a root.

        Args:
            revisions: Their revisions, by the documents' sources.
            there: The files that still exist; None for all.
        """
        of_file: dict[str, dict[str, Revision]] = {}
        for source, several in revisions.items():
            of_file.setdefault(several[-1].file, {})[source] = several[-1]
        newest = [several[-1] for several in revisions.values()]
        gone = [one for one in newest if one.file not in there] if there is not None else []
        return cls(of_file, {one.content_hash: one for one in gone})


NO_REVISION = Revision(0, "", "")


class Changes:
    """Finds and splits the new and changed documents of one catalog.

    Args:
        catalog: The catalog.
        splitter: Splits text into passages.
        writer: Records files that have no new or changed documents.
        parsers_version: Version of the parsers.
    """

    def __init__(self, catalog: Catalog, splitter: Splitter, writer: BatchWriter, parsers_version: str) -> None:
        self._catalog = catalog
        self._splitter = splitter
        self._writer = writer
        self._parsers_version = parsers_version

    def of_file(
        self,
        root_id: int,
        parsed: ParsedFile,
        outcome: FileOutcome,
        before: Before,
        tally: Tally,
        *,
        is_reread: bool = False,
    ) -> Iterator[PreparedDocument]:
        """Splits a file's new and changed documents and yields them.

        The last of them has the file's outcome, which lists the documents that the file no longer contains. If there
        are no new or changed documents, the outcome is recorded immediately.
        """
        seen = outcome.seen[0]
        existing = before.of_file.get(seen.source, {})
        documents = [
            replace(one, source=_source_of(seen.source, one), content_hash=one.content_hash or seen.content_hash)
            for one in parsed.documents
        ]
        failed = [replace(one, source=f"{seen.source}#{one.source}") for one in parsed.failed]
        tally.failed += failed
        sources = {document.source for document in documents}
        failed_parts = [
            replace(
                not_a_file(part.source, seen.content_hash, scanned_ns=seen.scanned_ns), error=part.error, hint=part.hint
            )
            for part in failed
        ]
        outcome = replace(
            outcome,
            seen=(seen, *failed_parts),
            gone=tuple(revision.id for source, revision in existing.items() if source not in sources),
        )
        changed = (d for d in documents if self._is_changed(existing.get(d.source, NO_REVISION), d, is_reread=is_reread))
        new = [document for document in changed if not self._catalog.files.is_removed(root_id, document.source)]
        tally.unchanged += len(documents) - len(new)
        if not new:
            self._writer.finish_file(root_id, outcome)
        for document in new:
            older = existing.get(document.source) or before.moved.get(document.content_hash)
            prepared = self.split(root_id, document, seen.source)
            yield replace(prepared, older=older, outcome=outcome if document is new[-1] else None)

    def _is_changed(self, revision: Revision, document: Document, *, is_reread: bool) -> bool:
        if revision.content_hash != document.content_hash:
            return True
        return is_reread and not self._catalog.documents.reparsed(revision.id, document, self._parsers_version)

    def split(self, root_id: int, document: Document, file: str) -> PreparedDocument:
        """Splits a document into passages.

        Args:
            root_id: Id of the document's root.
            document: The document.
            file: Source of the file that it was read from.
        """
        if "language" not in document.metadata and (language := language_of(document.text)):
            document = replace(document, metadata={**document.metadata, "language": language})
        passages = passages_of(self._splitter, document.text, document.blocks, document.has_headings)
        first = list(islice(passages, LONG))
        return PreparedDocument(
            root_id=root_id,
            document=document,
            passages=first,
            more=passages if len(first) == LONG else None,
            file=file,
            outcome=None,
            older=None,
        )


def _source_of(file: str, document: Document) -> str:
    """Returns a document's source: the file's source, followed by the part's source if the document is part of a file."""
    return f"{file}#{document.source}" if document.source else file


def not_a_file(source: str, content_hash: str, *, size: int = 0, scanned_ns: int = 0) -> FileSeen:
    """Returns the scan record for data that is not a separate file, and therefore has no timestamps."""
    return FileSeen(source=source, size=size, mtime_ns=0, ctime_ns=0, scanned_ns=scanned_ns, content_hash=content_hash)
