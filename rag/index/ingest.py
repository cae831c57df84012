"""Takes documents in, keeps a folder in step, and removes what is gone: finds out what is new, changed, renamed, vanished.

Files are read and split ahead, in a thread, while what came before is embedded and stored (`batches`). Repeating an import
that was cut off goes on where it stopped. It does not search.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from rag.errors import ReadError
from rag.index.batch_writer import (
    LONG,
    TOGETHER_CHARACTERS,
    BatchWriter,
    FileOutcome,
    OnProgress,
    PreparedDocument,
    Tally,
    characters,
)
from rag.index.prefetch import Prefetcher
from rag.index.records import FileSeen, Revision
from rag.ports import Embedder, Splitter
from rag.records import Document, Failure, Progress, SyncReport
from rag.sources.records import FoundFile, ParsedFile, RawDocument, Walk

if TYPE_CHECKING:
    from rag.index.catalog import Catalog

_SETTLED_NS = 2_000_000_000  # a file changed within 2 s of the scan may change again within its clock's step
_HOLD_SHARE = 0.2  # more than this share gone at once is more likely a folder not mounted than a wish


class Ingest:
    """Imports into one catalog. The caller holds the import lock.

    Args:
        catalog: Where documents go.
        read: (bytes, name) → the documents in it; raises `ReadError`.
        read_bytes: File → its bytes; raises `ReadError`.
        splitter: Cuts text into passages.
        embedder: Gives them vectors.
        language_of: Text → ISO 639-1 code of its language, or "".
        readers: Which readers `read` has; others may read what these could not.
    """

    def __init__(
        self,
        catalog: Catalog,
        read: Callable[[bytes, str], ParsedFile],
        read_bytes: Callable[[FoundFile], bytes],
        splitter: Splitter,
        embedder: Embedder,
        language_of: Callable[[str], str],
        readers: str,
    ) -> None:
        self._readers = readers
        self._catalog = catalog
        self._language_of = language_of
        self._read = read
        self._read_bytes = read_bytes
        self._splitter = splitter
        self._batches = BatchWriter(catalog, embedder)

    def sync(self, root: Path, walk: Walk, prune: bool, on_progress: OnProgress) -> SyncReport:
        """Makes the documents of a synced folder equal to its files.

        Args:
            root: The folder, absolute.
            walk: Its files, as they are now.
            prune: Remove what vanished even where much of it did.
            on_progress: Told of progress.
        """
        begun = time.monotonic()
        self._catalog.sweep(unfinished_too=True)
        if self._catalog.meta("readers") != self._readers:  # what could not be read may be read by now
            self._catalog.retry_failed()
            self._catalog.set_meta("readers", self._readers)
        root_id = self._catalog.root_id("sync", str(root))
        tally = Tally(on_progress, total=len(walk.found))
        self._take(root_id, walk.found, self._catalog.files(root_id), tally)
        held = self._drop_vanished(root_id, root, walk, prune, tally)
        self._batches.embed_pending(tally)
        self._catalog.sweep(unfinished_too=True)
        return _finished(tally, begun, held, walk.ignored)

    def add(self, files: Iterable[tuple[int, FoundFile]], ignored: int, on_progress: OnProgress) -> SyncReport:
        """Takes in files, each under a root's id; nothing is removed."""
        begun = time.monotonic()
        self._catalog.sweep(unfinished_too=True)
        by_root: dict[int, list[FoundFile]] = {}
        for root_id, found in files:
            by_root.setdefault(root_id, []).append(found)
        tally = Tally(on_progress, total=sum(map(len, by_root.values())))
        for root_id, founds in by_root.items():
            # What was named by hand is wanted, even if it was removed by hand before.
            self._catalog.want_again(root_id, [found.source for found in founds])
            # What failed is tried again, too.
            known = {source: seen for source, seen in self._catalog.files(root_id).items() if not seen.error}
            self._take(root_id, founds, known, tally)
        self._batches.embed_pending(tally)
        self._catalog.sweep(unfinished_too=True)
        return _finished(tally, begun, (), ignored)

    def add_documents(self, root_id: int, documents: Iterable[Document], on_progress: OnProgress) -> SyncReport:
        """Takes in documents that are no files: text a program has at hand."""
        begun = time.monotonic()
        self._catalog.sweep(unfinished_too=True)
        revisions = self._catalog.revisions(root_id)
        if self._catalog.has_forgotten(root_id):
            documents = list(documents)
            self._catalog.want_again(root_id, [document.source for document in documents])
        tally = Tally(on_progress)
        self._batches.store(self._split_documents(root_id, documents, revisions, tally), tally)
        self._batches.embed_pending(tally)
        self._catalog.sweep(unfinished_too=True)
        return _finished(tally, begun, (), 0)

    def add_bytes(self, root_id: int, held: Iterable[RawDocument], on_progress: OnProgress) -> SyncReport:
        """Takes in what is no file: fetched pages, standard input. The bytes are kept."""
        begun = time.monotonic()
        self._catalog.sweep(unfinished_too=True)
        tally = Tally(on_progress)
        self._batches.store(self._split_held(root_id, held, tally), tally)
        self._batches.embed_pending(tally)
        self._catalog.sweep(unfinished_too=True)
        return _finished(tally, begun, (), 0)

    def _split_held(self, root_id: int, held: Iterable[RawDocument], tally: Tally) -> Iterator[PreparedDocument]:
        revisions = self._catalog.revisions(root_id)
        before = _Before.of(revisions, {revision.file for several in revisions.values() for revision in several})
        for one in held:
            tally.on_progress(Progress(one.source, tally.done, tally.total, tally.passages))
            tally.done += 1
            self._catalog.want_again(root_id, [one.source])
            content_hash = hashlib.sha256(one.data).hexdigest()
            seen = FileSeen(one.source, len(one.data), 0, 0, time.time_ns(), content_hash)
            try:
                if one.error:
                    raise ReadError(one.error, one.hint)
                contents = self._read(one.data, one.name)
            except ReadError as error:
                if one.source not in before.of_file:
                    self._catalog.saw(root_id, [replace(seen, error=str(error), hint=error.hint)])
                tally.failed.append(Failure(one.source, str(error), error.hint))
                continue
            documents = tuple(replace(d, metadata={**d.metadata, **one.metadata}) for d in contents.documents)
            contents = replace(contents, documents=documents)
            yield from self._changed(root_id, contents, FileOutcome((seen,), original=one.data), before, tally)

    def _split_documents(
        self, root_id: int, documents: Iterable[Document], revisions: Mapping[str, list[Revision]], tally: Tally
    ) -> Iterator[PreparedDocument]:
        for document in documents:
            tally.on_progress(Progress(document.source, tally.done, tally.total, tally.passages))
            tally.done += 1
            content_hash = hashlib.sha256(f"{document.title}\0{document.text}".encode()).hexdigest()
            older = revisions.get(document.source, [])
            if older and older[-1].content_hash == content_hash:
                tally.unchanged += 1
                continue
            done = FileOutcome((FileSeen(document.source, 0, 0, 0, 0, content_hash),))
            ready = self._split(root_id, replace(document, content_hash=content_hash), document.source)
            yield replace(ready, done=done, older=older[-1] if older else None)

    def _take(self, root_id: int, files: Sequence[FoundFile], known: Mapping[str, FileSeen], tally: Tally) -> None:
        revisions = self._catalog.revisions(root_id)
        with Prefetcher(
            self._read_and_split(root_id, files, known, revisions, tally), characters, TOGETHER_CHARACTERS
        ) as ready:
            self._batches.store(ready, tally)

    def _read_and_split(
        self,
        root_id: int,
        files: Sequence[FoundFile],
        known: Mapping[str, FileSeen],
        revisions: Mapping[str, list[Revision]],
        tally: Tally,
    ) -> Generator[PreparedDocument]:
        """The documents of files that are new or changed; the others are tallied."""
        before = _Before.of(revisions, {found.source for found in files})
        for found in files:
            tally.on_progress(Progress(found.source, tally.done, tally.total, tally.passages))
            tally.done += 1
            seen = known.get(found.source)
            if seen is not None and _is_settled(found, seen):
                if seen.error:
                    tally.failed.append(Failure(found.source, seen.error, seen.hint))
                else:
                    tally.unchanged += 1
                continue
            if self._catalog.is_forgotten(root_id, found.source):
                continue
            yield from self._prepare(root_id, found, seen, before, tally)

    def _prepare(
        self, root_id: int, found: FoundFile, known: FileSeen | None, before: _Before, tally: Tally
    ) -> Iterator[PreparedDocument]:
        """Reads and splits the documents of one file; those that are as before are left out."""
        scanned_ns = time.time_ns()
        content_hash = ""
        held = before.of_file.get(found.source, {})
        try:
            data = self._read_bytes(found)
            content_hash = hashlib.sha256(data).hexdigest()
            seen = _seen(found, scanned_ns, content_hash)
            same = known is not None and known.content_hash == content_hash and not known.error
            if held and (same or held.get(found.source, _NONE).content_hash == content_hash):
                self._catalog.saw(root_id, [seen])
                tally.unchanged += 1
                return
            contents = self._read(data, found.source)
        except ReadError as error:
            self._catalog.saw(root_id, [_seen(found, scanned_ns, content_hash, str(error), error.hint)])
            tally.failed.append(Failure(found.source, str(error), error.hint))
            return
        del data
        yield from self._changed(root_id, contents, FileOutcome((seen,)), before, tally)

    def _changed(
        self, root_id: int, contents: ParsedFile, done: FileOutcome, before: _Before, tally: Tally
    ) -> Iterator[PreparedDocument]:
        """Splits the documents of a file that are new or changed; what it holds no more goes with the last of them."""
        seen = done.seen[0]
        held = before.of_file.get(seen.source, {})
        documents = [
            replace(one, source=_name_of(seen.source, one), content_hash=one.content_hash or seen.content_hash)
            for one in contents.documents
        ]
        failed = [replace(one, source=f"{seen.source}#{one.source}") for one in contents.failed]
        tally.failed += failed
        names = {document.source for document in documents}
        done = replace(
            done,
            seen=(
                seen,
                *(FileSeen(o.source, 0, 0, 0, seen.scanned_ns, seen.content_hash, o.error, o.hint) for o in failed),
            ),
            gone=tuple(revision.id for source, revision in held.items() if source not in names),
        )
        changed = (d for d in documents if held.get(d.source, _NONE).content_hash != d.content_hash)
        new = [document for document in changed if not self._catalog.is_forgotten(root_id, document.source)]
        tally.unchanged += len(documents) - len(new)
        if not new:
            self._batches.finish(root_id, done)
        for document in new:
            older = held.get(document.source) or before.moved.get(document.content_hash)
            yield replace(
                self._split(root_id, document, seen.source), older=older, done=done if document is new[-1] else None
            )

    def _split(self, root_id: int, document: Document, file: str) -> PreparedDocument:
        if "language" not in document.metadata and (language := self._language_of(document.text)):
            document = replace(document, metadata={**document.metadata, "language": language})
        passages = self._splitter.split(document.text, document.has_headings)
        first = list(islice(passages, LONG))
        return PreparedDocument(root_id, document, first, passages if len(first) == LONG else None, file, None, None)

    def _drop_vanished(self, root_id: int, root: Path, walk: Walk, prune: bool, tally: Tally) -> tuple[str, ...]:
        """Removes documents whose files are gone; returns those that were kept because too many are."""
        there = {found.source for found in walk.found}
        if not walk.unread:
            self._catalog.keep_forgotten(root_id, there)
        files = _Before.of(self._catalog.revisions(root_id), there).of_file
        unread = tuple(f"{folder}/" for folder in walk.unread)
        # A file that the walk passes over, but that was added by name, is still there.
        missing = (file for file in set(files) - there if not file.startswith(unread))
        gone = sorted(file for file in missing if file in walk.left_out or not os.path.lexists(root / file))
        # What is there under another name has been moved, and is no loss; nor is what somebody's patterns leave out.
        contents = {revision.content_hash for file in set(files) & there for revision in files[file].values()}
        lost = [
            file for file in gone
            if file not in walk.left_out and any(one.content_hash not in contents for one in files[file].values())
        ]  # fmt: skip
        many = len(lost) == len(files) or (len(lost) > 1 and len(lost) > _HOLD_SHARE * len(files))
        held = lost if many and not prune else []
        gone = sorted(set(gone) - set(held))
        self._catalog.remove(revision.id for file in gone for revision in files[file].values())
        unseen = (source for source in set(self._catalog.files(root_id)) - there if not source.startswith(unread))
        parts_of = tuple(f"{file}#" for file in there)  # a part of a file that failed has a row of its own
        unseen = (source for source in unseen if "#" not in source or not source.startswith(parts_of))
        self._catalog.forget_files(
            root_id, [source for source in unseen if source in walk.left_out or not os.path.lexists(root / source)]
        )
        tally.removed += len(gone)
        return tuple(held)


@dataclass(frozen=True, slots=True)
class _Before:
    """The documents of a root as they were before an import.

    Attributes:
        of_file: Source of a file → source of each of its documents → the newest revision.
        moved: Content hash → revision, of documents whose files are not there any more under their names.
    """

    of_file: Mapping[str, Mapping[str, Revision]]
    moved: Mapping[str, Revision]

    @classmethod
    def of(cls, revisions: Mapping[str, list[Revision]], there: Collection[str]) -> _Before:
        of_file: dict[str, dict[str, Revision]] = {}
        for source, several in revisions.items():
            of_file.setdefault(several[-1].file, {})[source] = several[-1]
        moved = {one[-1].content_hash: one[-1] for one in revisions.values() if one[-1].file not in there}
        return cls(of_file, moved)


_NONE = Revision(0, "", "")


def _name_of(file: str, document: Document) -> str:
    """The source of a document that came in a file: the file's, or the file's and the part's."""
    return f"{file}#{document.source}" if document.source else file


def _is_settled(found: FoundFile, seen: FileSeen) -> bool:
    """Whether a file is as the last scan saw it, by size and times alone. What could not be opened is tried again.

    The time its entry was changed counts too, since programs set the other one as they like.
    """
    same = (found.size, found.mtime_ns, found.ctime_ns) == (seen.size, seen.mtime_ns, seen.ctime_ns)
    return same and bool(seen.content_hash) and seen.mtime_ns <= seen.scanned_ns - _SETTLED_NS


def _seen(found: FoundFile, scanned_ns: int, content_hash: str, error: str = "", hint: str = "") -> FileSeen:
    return FileSeen(found.source, found.size, found.mtime_ns, found.ctime_ns, scanned_ns, content_hash, error, hint)


def _finished(tally: Tally, begun: float, held: tuple[str, ...], ignored: int) -> SyncReport:
    return SyncReport(
        tally.added, tally.updated, tally.unchanged, tally.removed, tuple(tally.failed), held, ignored, tally.passages,
        round(time.monotonic() - begun, 3),
    )  # fmt: skip
