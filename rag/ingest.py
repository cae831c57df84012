"""Takes documents in, keeps a folder in step, and removes what is gone. Nothing is acknowledged before it is on disk.

Small documents are embedded together and committed together. A long one is committed with its words first, so that it is
found while its vectors follow; a changed one replaces its older revision only when it is complete. Repeating an import that
was cut off goes on where it stopped. It does not search.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from rag.ahead import Ahead
from rag.errors import EmbedderError, ReadError
from rag.ports import Embedder, Splitter
from rag.records import Document, Failure, Passage, Progress, SyncReport
from rag.stored import Contents, FileSeen, Found, Held, NewPassage, Revision, Walk
from rag.terms import terms

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rag.catalog import Catalog

    Vector = NDArray[np.float32]

_log = logging.getLogger(__name__)

TOGETHER = 256  # passages embedded and committed together: some seconds of work, which is what a kill can cost
_TOGETHER_CHARACTERS = 4_000_000  # of documents that wait for each other
_LONG = 1_024  # passages from which a document is committed with its words first
_WORDS_AT_ONCE = 4_000  # passages of a long document written in one transaction
_SETTLED_NS = 2_000_000_000  # a file changed within 2 s of the scan may change again within its clock's step
_HOLD_SHARE = 0.2  # more than this share gone at once is more likely a folder not mounted than a wish
_MOST_TITLE = 240  # code points of a title embedded with each passage: room is left for the passage itself

Report = Callable[[Progress], None]


@dataclass(slots=True)
class _Tally:
    """A `SyncReport` in the making."""

    report: Report
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
class _Ready:
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
    done: _Done | None
    older: Revision | None


@dataclass(frozen=True, slots=True)
class _Done:
    """A file that was read whole.

    Attributes:
        seen: What the scan saw of it, and of the parts of it that failed.
        gone: Documents it held before, and holds no more.
        original: Its bytes, where they are nowhere else.
    """

    seen: tuple[FileSeen, ...]
    gone: tuple[int, ...] = ()
    original: bytes | None = None


class Ingest:
    """Imports into one catalog. The caller holds the import lock.

    Args:
        catalog: Where documents go.
        read: (bytes, name) → the documents in it; raises `ReadError`.
        read_bytes: File → its bytes; raises `ReadError`.
        splitter: Cuts text into passages.
        embedder: Gives them vectors.
        language_of: Text → ISO 639-1 code of its language, or "".
    """

    def __init__(
        self,
        catalog: Catalog,
        read: Callable[[bytes, str], Contents],
        read_bytes: Callable[[Found], bytes],
        splitter: Splitter,
        embedder: Embedder,
        language_of: Callable[[str], str],
    ) -> None:
        self._catalog = catalog
        self._language_of = language_of
        self._read = read
        self._read_bytes = read_bytes
        self._splitter = splitter
        self._embedder = embedder

    def sync(self, root: Path, walk: Walk, prune: bool, report: Report) -> SyncReport:
        """Makes the documents of a synced folder equal to its files.

        Args:
            root: The folder, absolute.
            walk: Its files, as they are now.
            prune: Remove what vanished even where much of it did.
            report: Told of progress.
        """
        begun = time.monotonic()
        self._catalog.sweep(unfinished_too=True)
        root_id = self._catalog.root_id("sync", str(root))
        tally = _Tally(report, total=len(walk.found))
        self._take(root_id, walk.found, tally)
        held = self._drop_vanished(root_id, root, walk, prune, tally)
        self._embed_pending(tally)
        self._catalog.sweep(unfinished_too=True)
        return _finished(tally, begun, held, walk.ignored)

    def add(self, files: Iterable[tuple[int, Found]], ignored: int, report: Report) -> SyncReport:
        """Takes in files, each under a root's id; nothing is removed."""
        begun = time.monotonic()
        self._catalog.sweep(unfinished_too=True)
        by_root: dict[int, list[Found]] = {}
        for root_id, found in files:
            by_root.setdefault(root_id, []).append(found)
        tally = _Tally(report, total=sum(map(len, by_root.values())))
        for root_id, founds in by_root.items():
            # What was named by hand is wanted, even if it was removed by hand before.
            self._catalog.want_again(root_id, [found.source for found in founds])
            self._take(root_id, founds, tally)
        self._embed_pending(tally)
        self._catalog.sweep(unfinished_too=True)
        return _finished(tally, begun, (), ignored)

    def add_documents(self, root_id: int, documents: Iterable[Document], report: Report) -> SyncReport:
        """Takes in documents that are no files: text a program has at hand."""
        begun = time.monotonic()
        self._catalog.sweep(unfinished_too=True)
        revisions = self._catalog.revisions(root_id)
        if self._catalog.has_forgotten(root_id):
            documents = list(documents)
            self._catalog.want_again(root_id, [document.source for document in documents])
        tally = _Tally(report)
        self._store(self._split_documents(root_id, documents, revisions, tally), tally)
        self._embed_pending(tally)
        self._catalog.sweep(unfinished_too=True)
        return _finished(tally, begun, (), 0)

    def add_bytes(self, root_id: int, held: Iterable[Held], report: Report) -> SyncReport:
        """Takes in what is no file: fetched pages, standard input. The bytes are kept."""
        begun = time.monotonic()
        self._catalog.sweep(unfinished_too=True)
        tally = _Tally(report)
        self._store(self._split_held(root_id, held, tally), tally)
        self._embed_pending(tally)
        self._catalog.sweep(unfinished_too=True)
        return _finished(tally, begun, (), 0)

    def _split_held(self, root_id: int, held: Iterable[Held], tally: _Tally) -> Iterator[_Ready]:
        for one in held:
            tally.report(Progress(one.source, tally.done, tally.total, tally.passages))
            tally.done += 1
            self._catalog.want_again(root_id, [one.source])
            revisions = self._catalog.revisions(root_id)
            before = _Before.of(revisions, {revision.file for several in revisions.values() for revision in several})
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
            yield from self._changed(root_id, contents, _Done((seen,), original=one.data), before, tally)

    def _split_documents(
        self, root_id: int, documents: Iterable[Document], revisions: Mapping[str, list[Revision]], tally: _Tally
    ) -> Iterator[_Ready]:
        for document in documents:
            tally.report(Progress(document.source, tally.done, tally.total, tally.passages))
            tally.done += 1
            content_hash = hashlib.sha256(f"{document.title}\0{document.text}".encode()).hexdigest()
            older = revisions.get(document.source, [])
            if older and older[-1].content_hash == content_hash:
                tally.unchanged += 1
                continue
            done = _Done((FileSeen(document.source, 0, 0, 0, 0, content_hash),))
            ready = self._split(root_id, replace(document, content_hash=content_hash), document.source)
            yield replace(ready, done=done, older=older[-1] if older else None)

    def _take(self, root_id: int, files: Sequence[Found], tally: _Tally) -> None:
        known = self._catalog.files(root_id)
        revisions = self._catalog.revisions(root_id)
        with Ahead(
            self._read_and_split(root_id, files, known, revisions, tally), _characters, _TOGETHER_CHARACTERS
        ) as ready:
            self._store(ready, tally)

    def _read_and_split(
        self,
        root_id: int,
        files: Sequence[Found],
        known: Mapping[str, FileSeen],
        revisions: Mapping[str, list[Revision]],
        tally: _Tally,
    ) -> Generator[_Ready]:
        """The documents of files that are new or changed; the others are tallied."""
        before = _Before.of(revisions, {found.source for found in files})
        for found in files:
            tally.report(Progress(found.source, tally.done, tally.total, tally.passages))
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

    def _store(self, documents: Iterable[_Ready], tally: _Tally) -> None:
        """Embeds and stores documents, some together: few at first, so that the embedder begins at once."""
        waiting: list[_Ready] = []
        together = TOGETHER // 8
        for ready in documents:
            if ready.more is not None:
                self._commit_long(ready, ready.more, tally)
                continue
            waiting.append(ready)
            if sum(len(r.passages) for r in waiting) >= together or sum(map(_characters, waiting)) >= _TOGETHER_CHARACTERS:
                self._commit(waiting, tally)
                waiting, together = [], min(2 * together, TOGETHER)
        self._commit(waiting, tally)

    def _prepare(
        self, root_id: int, found: Found, known: FileSeen | None, before: _Before, tally: _Tally
    ) -> Iterator[_Ready]:
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
        yield from self._changed(root_id, contents, _Done((seen,)), before, tally)

    def _changed(self, root_id: int, contents: Contents, done: _Done, before: _Before, tally: _Tally) -> Iterator[_Ready]:
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
            self._finish(root_id, done)
        for document in new:
            older = held.get(document.source) or before.moved.get(document.content_hash)
            yield replace(
                self._split(root_id, document, seen.source), older=older, done=done if document is new[-1] else None
            )

    def _finish(self, root_id: int, done: _Done) -> None:
        """Remembers that a file was read whole, and removes what it holds no more."""
        self._catalog.remove(done.gone)
        self._catalog.saw(root_id, done.seen)
        if done.original is not None:
            self._catalog.keep_original(done.seen[0].content_hash, done.original)

    def _split(self, root_id: int, document: Document, file: str) -> _Ready:
        if "language" not in document.metadata and (language := self._language_of(document.text)):
            document = replace(document, metadata={**document.metadata, "language": language})
        passages = self._splitter.split(document.text, document.has_headings)
        first = list(islice(passages, _LONG))
        return _Ready(root_id, document, first, passages if len(first) == _LONG else None, file, None, None)

    def _commit(self, batch: Sequence[_Ready], tally: _Tally) -> None:
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

    def _held(self, ready: _Ready) -> Callable[[Passage], Vector | None]:
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

    def _count(self, ready: _Ready, tally: _Tally) -> None:
        """What is done once a document is in."""
        if ready.done is not None:
            self._finish(ready.root_id, ready.done)
        is_update = ready.older is not None and ready.older.file == ready.file
        tally.added += not is_update
        tally.updated += is_update

    def _commit_long(self, ready: _Ready, more: Iterator[Passage], tally: _Tally) -> None:
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
            tally.report(Progress(ready.document.source, tally.done, tally.total, tally.passages, tally.found))
            part = list(islice(more, _WORDS_AT_ONCE))
        with self._catalog.transaction():
            if self._catalog.is_forgotten(ready.root_id, ready.document.source):
                self._catalog.discard(document_id)
                return
            if not self._catalog.publish(document_id):
                return
            self._count(ready, tally)

    def _embed_pending(self, tally: _Tally) -> None:
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
            tally.report(Progress(pending[-1].source, tally.done, tally.total, tally.passages, tally.found))

    def _embedded(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = self._embedder.embed(texts)
        self._catalog.check_dimension(vectors)
        return vectors

    def _worded(
        self, document_id: int, edition: int, document: Document, passages: Iterable[Passage]
    ) -> Iterator[NewPassage]:
        texts = ((passage, _cut(document, passage)) for passage in passages)
        return worded(document_id, edition, document, self._embedder.name, texts)

    def _drop_vanished(self, root_id: int, root: Path, walk: Walk, prune: bool, tally: _Tally) -> tuple[str, ...]:
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


def _nothing(_: Passage) -> None:
    """No passage has a vector yet."""


def _name_of(file: str, document: Document) -> str:
    """The source of a document that came in a file: the file's, or the file's and the part's."""
    return f"{file}#{document.source}" if document.source else file


def _characters(ready: _Ready) -> int:
    return len(ready.document.text)


def _cut(document: Document, passage: Passage) -> str:
    return document.text[passage.start : passage.end]


def _is_settled(found: Found, seen: FileSeen) -> bool:
    """Whether a file is as the last scan saw it, by size and times alone. What could not be opened is tried again.

    The time its entry was changed counts too, since programs set the other one as they like.
    """
    same = (found.size, found.mtime_ns, found.ctime_ns) == (seen.size, seen.mtime_ns, seen.ctime_ns)
    return same and bool(seen.content_hash) and seen.mtime_ns <= seen.scanned_ns - _SETTLED_NS


def _seen(found: Found, scanned_ns: int, content_hash: str, error: str = "", hint: str = "") -> FileSeen:
    return FileSeen(found.source, found.size, found.mtime_ns, found.ctime_ns, scanned_ns, content_hash, error, hint)


def _finished(tally: _Tally, begun: float, held: tuple[str, ...], ignored: int) -> SyncReport:
    return SyncReport(
        tally.added, tally.updated, tally.unchanged, tally.removed, tuple(tally.failed), held, ignored, tally.passages,
        round(time.monotonic() - begun, 3),
    )  # fmt: skip
