"""Adds, syncs, reloads and removes documents. Assigns each document to a root, and waits for other imports to finish."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rag.errors import ReadError
from rag.index.import_lock import TIMEOUT_S, import_turn
from rag.index.originals import original
from rag.records import Document, Progress, SyncReport
from rag.sources.files import find_file, is_url, list_folder
from rag.sources.records import FolderListing, FoundFile, InMemoryFile, storable_name

if TYPE_CHECKING:
    from rag.index.catalog import Catalog
    from rag.index.importing.ingest import Ingest
    from rag.sources.web_pages import Fetcher

OnProgress = Callable[[Progress], None]


class Imports:
    """Imports documents into one index. Safe to share between threads.

    Args:
        folder: The index folder.
        catalog: The index's catalog.
        ingest: Function that returns the object that imports documents; calling it loads the embedder.
        fetcher: Function that returns the object that fetches web pages.
        include: Patterns for the files to import from folders; if empty, all files are imported.
        exclude: Patterns for the files to leave out.

    Attributes:
        changed: Whether this process has changed the index.
    """

    def __init__(
        self,
        folder: Path,
        catalog: Catalog,
        ingest: Callable[[], Ingest],
        fetcher: Callable[[], Fetcher],
        *,
        include: list[str],
        exclude: list[str],
    ) -> None:
        self._folder = folder
        self._catalog = catalog
        self._ingest = ingest
        self._fetcher = fetcher
        self._include = include
        self._exclude = exclude
        self.changed = False

    def sync(self, root: Path, *, prune: bool, on_progress: OnProgress, timeout_s: float) -> SyncReport:
        """Updates a folder's documents to match its files; see `Library.sync`. `root` is an absolute path."""
        files = self._walk(root)
        with self.turn(timeout_s) as ingest:
            return self._noted(ingest.sync(root, files, prune, on_progress))

    def add(self, paths: Iterable[str | Path], on_progress: OnProgress) -> SyncReport:
        """Adds files, folders and web pages; see `Library.add`."""
        files, ignored = [], 0
        given = list(paths)
        urls = [str(path) for path in given if is_url(str(path))]
        for path in (Path(path) for path in given if not is_url(str(path))):
            if path.is_dir():
                below = self._walk(path)
                ignored += below.ignored
                files += [(str(path / found.source), found) for found in below.files]
            else:
                files.append((str(path), find_file(path, str(path))))
        report = SyncReport()
        if files or not urls:
            with self.turn() as ingest:
                placed = [self._placed(name, found) for name, found in files]
                report = self._noted(ingest.add(placed, ignored, on_progress))
        for page in self._fetched(urls):  # fetched without the lock, so that no other import waits for a slow server
            report = report.joined(self.add_raw("url", page, on_progress))
        return report

    def add_raw(self, kind: str, raw: InMemoryFile, on_progress: OnProgress) -> SyncReport:
        """Adds content that is not in a file, under a root of this kind ("url" or "stream")."""
        with self.turn() as ingest:
            return self._noted(ingest.add_bytes(self._catalog.files.root_id(kind, ""), [raw], on_progress))

    def add_documents(self, documents: Iterable[Document], on_progress: OnProgress) -> SyncReport:
        """Adds documents that do not come from files; see `Library.add_documents`."""
        with self.turn() as ingest:
            root_id = self._catalog.files.root_id("memory", "")
            return self._noted(ingest.add_documents(root_id, documents, on_progress))

    def reload(self, source: str, on_progress: OnProgress) -> SyncReport:
        """Imports a document again from its file or web page; see `Library.reload`."""
        if is_url(source):
            return self.add([source], on_progress)
        roots = {root_id: path for kind in ("sync", "add") for root_id, path in self._catalog.files.roots(kind)}
        paths = [Path(roots[root_id], file) for root_id, file in self._catalog.files.failed(source) if root_id in roots]
        if not paths:
            document_id = self._catalog.documents.find(source)
            origin = self._catalog.documents.origin(document_id)
            if origin.kind not in ("sync", "add"):
                data = original(self._catalog, document_id, source)
                return self.add_raw("stream", InMemoryFile(origin.file, origin.file, data), on_progress)
            paths = [Path(origin.root, origin.file)]
        return self.add(paths, on_progress)

    def refresh(self, on_progress: OnProgress) -> SyncReport:
        """Checks all imported web pages for changes, and imports changed pages again; see `Library.refresh`."""
        return self.add(self._catalog.documents.files_of_kind("url"), on_progress)

    def remove(self, sources: Iterable[str]) -> int:
        """Removes documents and returns how many were removed. See `Library.remove`."""
        names = list(sources)
        failed = {place for source in names for place in self._catalog.files.failed(source)}
        of_failed = {source for _, source in failed}
        ids = {self._catalog.documents.find(source) for source in names if source not in of_failed}
        with self._catalog.transaction():
            places = {self._catalog.documents.root_and_source(id_) for id_ in ids} | failed
            self._catalog.documents.hide(ids)
            for root_id, source in places:
                self._catalog.files.forget_scans(root_id, [source])
                self._catalog.files.mark_removed(root_id, source)
            self._catalog.runs.strip_quoting(source for _, source in places)
        self._catalog.sweep(unfinished_too=False)
        self.changed = True
        return len(places)

    @contextmanager
    def turn(self, timeout_s: float = TIMEOUT_S) -> Iterator[Ingest]:
        """Waits until this process may import, and checks that the index was built with the configured embedder.

        Raises:
            IndexBusyError: Another process is still importing; the message names it.
            EmbedderChangedError: The index was built with another embedder.
        """
        with import_turn(self._folder, timeout_s):
            ingest = self._ingest()
            current = self._catalog.versions.current()
            current.check(ingest.embedder)
            if not current.passages and (current.embedder, current.splitter) != (ingest.embedder, ingest.splitter):
                self._catalog.versions.name(ingest.embedder, ingest.splitter)
            # Passages of different sizes can be searched together, so a new passage size affects only later imports.
            yield ingest

    def _walk(self, folder: Path) -> FolderListing:
        return list_folder(folder, self._folder, self._include, self._exclude)

    def _noted(self, report: SyncReport) -> SyncReport:
        self.changed |= bool(report.added or report.updated or report.removed or report.passages)
        return report

    def _placed(self, name: str, found: FoundFile) -> tuple[int, FoundFile]:
        """Returns the root id of a file that was added by name, and the file with its source relative to that root.

        A file in a synced folder belongs to that folder's root.
        """
        path = found.path.resolve()
        for root_id, root in self._catalog.files.roots("sync"):
            if path.is_relative_to(root):
                return root_id, replace(found, source=storable_name(path.relative_to(root).as_posix()), path=path)
        root_id = self._catalog.files.root_id("add", "/" if Path(name).is_absolute() else str(Path.cwd()))
        return root_id, replace(found, source=storable_name(Path(name).as_posix()), path=path)

    def _fetched(self, urls: Iterable[str]) -> Iterator[InMemoryFile]:
        """Yields web pages as they arrive; pages that have not changed are left out."""
        from rag.sources.web_pages import normalized_url

        addresses = [normalized_url(url) for url in urls]  # an invalid address is reported before any page is fetched
        if not addresses:
            return
        fetcher = self._fetcher()
        for source in addresses:
            known = self._catalog.documents.metadata("url", source)
            try:
                page = fetcher.fetch(source, known.get("etag", ""), known.get("modified", ""))
            except ReadError as error:
                yield InMemoryFile(source, source, b"", error=str(error), hint=error.hint)
                continue
            if page is not None:
                about = {"url": page.url, "etag": page.etag, "modified": page.modified}
                metadata = {name: value for name, value in about.items() if value}
                yield InMemoryFile(source, page.name, page.data, metadata, page.charset)
