"""Detects which documents are new, changed, renamed or deleted, and imports or removes them.

A background thread parses and splits the next files while documents are embedded and stored (`batch_writer`). If an import
is interrupted, the next one resumes where it left off.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rag.errors import ReadError
from rag.index.importing.batch_writer import (
    TOGETHER_CHARACTERS,
    BatchWriter,
    FileOutcome,
    OnProgress,
    PreparedDocument,
    Tally,
    characters,
)
from rag.index.importing.changes import NO_REVISION, Before, Changes, not_a_file
from rag.index.importing.rereading import Rereading
from rag.index.prefetch import Prefetcher
from rag.index.records import FileSeen, Revision
from rag.ports import Embedder, FileParser, Splitter
from rag.records import Document, Failure, SyncReport
from rag.sources.files import read_bytes
from rag.sources.records import FolderListing, FoundFile, InMemoryFile
from rag.text.blocks import recognised

if TYPE_CHECKING:
    from rag.index.catalog import Catalog

_SETTLED_NS = 2_000_000_000  # a file changed less than 2 s before the scan could change again with the same timestamp
_HELD_SHARE = 0.2  # if a larger share of the files vanishes, the disk is probably not mounted


class Ingest:
    """Imports documents into one catalog. The caller holds the import lock.

    Args:
        catalog: The catalog in which the documents are stored.
        parser: Turns bytes into documents.
        splitter: Splits text into passages.
        embedder: Embeds passages.
        max_file_mb: Maximum size of a file, in MB; larger files are not imported.
        parsers_version: Version of the parsers. When it changes, files that could not be read are tried again.

    Attributes:
        embedder: Name of the embedder.
        splitter: Name of the splitter.
    """

    def __init__(
        self,
        catalog: Catalog,
        parser: FileParser,
        splitter: Splitter,
        embedder: Embedder,
        *,
        max_file_mb: int,
        parsers_version: str,
    ) -> None:
        self._catalog = catalog
        self._parser = parser
        self._max_file_mb = max_file_mb
        self._parsers_version = parsers_version
        self._writer = BatchWriter(catalog, embedder, parsers_version)
        self._changes = Changes(catalog, splitter, self._writer, parsers_version)
        self._rereading = Rereading(catalog, parser, self._changes, self._writer, parsers_version)
        self.embedder = embedder.name
        self.splitter = splitter.name

    def sync(self, root: Path, walk: FolderListing, prune: bool, on_progress: OnProgress) -> SyncReport:
        """Updates a folder's documents to match its files.

        Args:
            root: The folder's absolute path.
            walk: The folder's current files.
            prune: Whether to remove documents whose files have vanished even if many files have vanished.
            on_progress: Called with the progress.

        Raises:
            EmbedderError: The embedder failed; for now, the stored documents can be found only by their wording.
        """
        started = time.monotonic()
        self._catalog.sweep(unfinished_too=True)
        if self._catalog.meta.get("readers") != self._parsers_version:
            self._catalog.files.retry_failed()
            self._catalog.meta.set("readers", self._parsers_version)
        root_id = self._catalog.files.root_id("sync", str(root))
        tally = Tally(on_progress, total=len(walk.files))
        self._import_files(root_id, walk.files, self._catalog.files.scans(root_id), tally)
        held = self._remove_vanished(root_id, root, walk, prune, tally)
        return self._finish(tally, started, held, walk.ignored)

    def add(self, files: Iterable[tuple[int, FoundFile]], ignored: int, on_progress: OnProgress) -> SyncReport:
        """Adds files, each given with its root's id. Does not check whether any files have vanished.

        Raises:
            EmbedderError: The embedder failed; for now, the stored documents can be found only by their wording.
        """
        started = time.monotonic()
        self._catalog.sweep(unfinished_too=True)
        by_root: dict[int, list[FoundFile]] = {}
        for root_id, file in files:
            by_root.setdefault(root_id, []).append(file)
        tally = Tally(on_progress, total=sum(map(len, by_root.values())))
        for root_id, found in by_root.items():
            # A file added by name is imported even if the user removed it earlier. Failed files are read again.
            self._catalog.files.allow_again(root_id, [file.source for file in found])
            known = {source: seen for source, seen in self._catalog.files.scans(root_id).items() if not seen.error}
            self._import_files(root_id, found, known, tally)
        return self._finish(tally, started, (), ignored)

    def add_documents(self, root_id: int, documents: Iterable[Document], on_progress: OnProgress) -> SyncReport:
        """Adds documents that do not come from files, such as text that a program has in memory.

        Raises:
            EmbedderError: The embedder failed; for now, the stored documents can be found only by their wording.
        """
        started = time.monotonic()
        self._catalog.sweep(unfinished_too=True)
        revisions = self._catalog.documents.revisions(root_id)
        if self._catalog.files.has_removed(root_id):
            documents = list(documents)
            self._catalog.files.allow_again(root_id, [document.source for document in documents])
        tally = Tally(on_progress)
        self._writer.store(self._split_documents(root_id, documents, revisions, tally), tally)
        return self._finish(tally, started, (), 0)

    def add_bytes(self, root_id: int, raw: Iterable[InMemoryFile], on_progress: OnProgress) -> SyncReport:
        """Adds content that is not in files, such as fetched web pages or standard input, and stores the original bytes.

        Raises:
            EmbedderError: The embedder failed; for now, the stored documents can be found only by their wording.
        """
        started = time.monotonic()
        self._catalog.sweep(unfinished_too=True)
        tally = Tally(on_progress)
        self._writer.store(self._split_raw(root_id, raw, tally), tally)
        return self._finish(tally, started, (), 0)

    def _finish(self, tally: Tally, started: float, held: tuple[str, ...], ignored: int) -> SyncReport:
        """Updates outdated documents, embeds passages that wait for vectors, deletes unneeded data; returns the report."""
        self._rereading.update_outdated(tally)
        self._writer.embed_waiting(tally)
        self._rereading.link_mails(tally)
        self._catalog.sweep(unfinished_too=True)
        return SyncReport(
            added=tally.added,
            updated=tally.updated,
            unchanged=tally.unchanged,
            removed=tally.removed,
            failed=tuple(tally.failed),
            held=held,
            ignored=ignored,
            passages=tally.passages,
            seconds=round(time.monotonic() - started, 3),
        )

    def _split_raw(self, root_id: int, raw: Iterable[InMemoryFile], tally: Tally) -> Iterator[PreparedDocument]:
        revisions = self._catalog.documents.revisions(root_id)
        before = Before.of(revisions)
        for one in raw:
            tally.start(one.source)
            self._catalog.files.allow_again(root_id, [one.source])
            content_hash = hashlib.sha256(one.data).hexdigest()
            seen = not_a_file(one.source, content_hash, size=len(one.data), scanned_ns=time.time_ns())
            try:
                if one.error:
                    raise ReadError(one.error, one.hint)
                parsed = self._parser.parse(one.data, one.name, one.charset)
            except ReadError as error:
                if one.source not in before.of_file:
                    self._catalog.files.record_scans(root_id, [replace(seen, error=str(error), hint=error.hint)])
                tally.failed.append(Failure(one.source, str(error), error.hint))
                continue
            documents = tuple(replace(d, metadata={**d.metadata, **one.metadata}) for d in parsed.documents)
            parsed = replace(parsed, documents=documents)
            yield from self._changes.of_file(root_id, parsed, FileOutcome((seen,), original=one.data), before, tally)

    def _split_documents(
        self, root_id: int, documents: Iterable[Document], revisions: Mapping[str, list[Revision]], tally: Tally
    ) -> Iterator[PreparedDocument]:
        for document in documents:
            tally.start(document.source)
            if not document.blocks:
                document = replace(document, blocks=tuple(recognised(document.text, markdown=document.has_headings)))
            content_hash = hashlib.sha256(f"{document.title}\0{document.text}".encode()).hexdigest()
            older = revisions.get(document.source, [])
            if older and older[-1].content_hash == content_hash:
                tally.unchanged += 1
                continue
            outcome = FileOutcome((not_a_file(document.source, content_hash),))
            prepared = self._changes.split(root_id, replace(document, content_hash=content_hash), document.source)
            yield replace(prepared, outcome=outcome, older=older[-1] if older else None)

    def _import_files(self, root_id: int, files: Sequence[FoundFile], known: Mapping[str, FileSeen], tally: Tally) -> None:
        revisions = self._catalog.documents.revisions(root_id)
        documents = self._parse_and_split(root_id, files, known, revisions, tally)
        with Prefetcher(documents, characters, TOGETHER_CHARACTERS) as prepared:
            try:
                self._writer.store(prepared, tally)
            except BaseException:  # also if the user pressed Ctrl-C
                self._parser.interrupt()
                raise

    def _parse_and_split(
        self,
        root_id: int,
        files: Sequence[FoundFile],
        known: Mapping[str, FileSeen],
        revisions: Mapping[str, list[Revision]],
        tally: Tally,
    ) -> Generator[PreparedDocument]:
        """Yields the documents from new and changed files; counts the unchanged files."""
        before = Before.of(revisions, {file.source for file in files})
        for file in files:
            tally.start(file.source)
            seen = known.get(file.source)
            if seen is not None and _is_unchanged(file, seen):
                if seen.error:
                    tally.failed.append(Failure(file.source, seen.error, seen.hint))
                else:
                    tally.unchanged += 1
                continue
            if self._catalog.files.is_removed(root_id, file.source):
                continue
            yield from self._prepare(root_id, file, seen, before, tally)

    def _prepare(
        self, root_id: int, file: FoundFile, known: FileSeen | None, before: Before, tally: Tally
    ) -> Iterator[PreparedDocument]:
        """Parses and splits the documents in one file; unchanged documents are left out."""
        scanned_ns = time.time_ns()
        content_hash = ""
        existing = before.of_file.get(file.source, {})
        try:
            data = read_bytes(file, self._max_file_mb)
            content_hash = hashlib.sha256(data).hexdigest()
            seen = _seen(file, scanned_ns, content_hash)
            same = known is not None and known.content_hash == content_hash and not known.error
            if existing and (same or existing.get(file.source, NO_REVISION).content_hash == content_hash):
                self._catalog.files.record_scans(root_id, [seen])
                tally.unchanged += 1
                return
            parsed = self._parser.parse(data, file.source)
        except ReadError as error:
            # Without a hash, the next sync reads the file again.
            hash_if_at_fault = "" if error.retryable else content_hash
            failed = replace(_seen(file, scanned_ns, hash_if_at_fault), error=str(error), hint=error.hint)
            self._catalog.files.record_scans(root_id, [failed])
            tally.failed.append(Failure(file.source, str(error), error.hint))
            return
        del data
        yield from self._changes.of_file(root_id, parsed, FileOutcome((seen,)), before, tally)

    def _remove_vanished(self, root_id: int, root: Path, walk: FolderListing, prune: bool, tally: Tally) -> tuple[str, ...]:
        """Removes documents whose files have vanished.

        If too many files are lost, keeps their documents and returns the sources of these files.
        """
        there = {file.source for file in walk.files}
        if not walk.unreadable:
            self._catalog.files.prune_removed(root_id, there)
        files = Before.of(self._catalog.documents.revisions(root_id), there).of_file
        unread = tuple(f"{folder}/" for folder in walk.unreadable)
        # A file that was added by name may exist although it is not in the folder's listing.
        missing = (file for file in set(files) - there if not file.startswith(unread))
        gone = sorted(file for file in missing if file in walk.excluded or not os.path.lexists(root / file))
        # A file that was renamed, or that the exclude patterns match, is not lost.
        contents = {revision.content_hash for file in set(files) & there for revision in files[file].values()}
        lost = [
            file
            for file in gone
            if file not in walk.excluded and any(one.content_hash not in contents for one in files[file].values())
        ]
        many = len(lost) == len(files) or (len(lost) > 1 and len(lost) > _HELD_SHARE * len(files))
        held = lost if many and not prune else []
        gone = sorted(set(gone) - set(held))
        self._catalog.documents.hide(revision.id for file in gone for revision in files[file].values())
        self._forget_vanished_scans(root_id, root, walk, there, unread)
        tally.removed += len(gone)
        return tuple(held)

    def _forget_vanished_scans(
        self, root_id: int, root: Path, walk: FolderListing, there: Collection[str], unread: tuple[str, ...]
    ) -> None:
        parts_of = tuple(f"{file}#" for file in there)  # each part of a file that could not be read has its own scan record
        unseen = [
            source
            for source in set(self._catalog.files.scans(root_id)) - set(there)
            if not source.startswith(unread) and ("#" not in source or not source.startswith(parts_of))
        ]
        gone = [source for source in unseen if source in walk.excluded or not os.path.lexists(root / source)]
        self._catalog.files.forget_scans(root_id, gone)


def _is_unchanged(file: FoundFile, seen: FileSeen) -> bool:
    """Returns True if a file was read at the last scan and its size and timestamps are still the same.

    The time of the last inode change (ctime) is also compared, because programs can set any modification time. Returns
    False for a file modified shortly before the last scan, because it may have changed again with the same timestamp.
    """
    same = (file.size, file.mtime_ns, file.ctime_ns) == (seen.size, seen.mtime_ns, seen.ctime_ns)
    return same and bool(seen.content_hash) and seen.mtime_ns <= seen.scanned_ns - _SETTLED_NS


def _seen(file: FoundFile, scanned_ns: int, content_hash: str) -> FileSeen:
    return FileSeen(
        source=file.source,
        size=file.size,
        mtime_ns=file.mtime_ns,
        ctime_ns=file.ctime_ns,
        scanned_ns=scanned_ns,
        content_hash=content_hash,
    )
