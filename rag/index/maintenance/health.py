"""Reports what is in an index, checks it, and rebuilds what can be rebuilt from the catalog."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from rag import __version__
from rag.index.import_lock import import_turn
from rag.records import Health, IndexStatus

if TYPE_CHECKING:
    from rag.index.catalog import Catalog
    from rag.index.vector_search import VectorSearch

_CATCH_UPS = 3  # tries to fill Chroma while other processes write
_REBUILD = "`rag doctor --repair` rebuilds it"


def versions() -> dict[str, str]:
    """Returns package → version, of those that decide how answers and an index look."""
    packages = ("chromadb", "llama-index-core", "gradio", "openai")
    return {"rag": __version__, **{name: version(name) for name in packages}}


def size_of(folder: Path) -> int:
    """Returns the bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def status(folder: Path, catalog: Catalog, threshold: float) -> IndexStatus:
    """Reports what is in an index.

    Args:
        folder: The index folder.
        catalog: Its catalog.
        threshold: The abstention threshold in force.
    """
    current = catalog.versions.current()
    return IndexStatus(
        index=str(folder),
        documents=catalog.documents.count(),
        passages=current.passages,
        waiting=catalog.documents.waiting()[1],
        size=size_of(folder),
        embedder=current.embedder,
        evidence=threshold,
        versions=versions(),
    )


def check(folder: Path, catalog: Catalog, vector_search: VectorSearch, *, repair: bool) -> Health:
    """Checks an index; with `repair`, deletes unfinished work and rebuilds Chroma where it differs from the catalog.

    Raises:
        IndexBusyError: With `repair`, another process is importing.
        StorageError: Chroma cannot be opened or filled, not even after a rebuild.
    """
    problems, repaired = catalog.problems(), []
    if catalog.lost:
        repaired.append(f"{catalog.lost}: continuing with the rest; sync the documents again")
    if repair:
        with import_turn(folder):
            catalog.sweep(unfinished_too=True)
    is_open = vector_search.try_open()
    if is_open:
        found = _difference(vector_search)
        if found and repair:
            vector_search.rebuild()
            if vector_search.try_open():
                vector_search.sync()
            repaired.append(f"{found}: rebuilt from the catalog")
        elif found:
            problems.append(f"{found}; {_REBUILD}")
    now = status(folder, catalog, 0.0)
    return Health(
        index=now.index,
        documents=now.documents,
        passages=now.passages,
        waiting=now.waiting,
        vectors_in_chroma=len(vector_search) if is_open else None,
        embedder=now.embedder,
        versions=now.versions,
        problems=tuple(problems),
        repaired=tuple(repaired),
        chroma_holder="" if is_open else vector_search.holder(),
    )


def _difference(vector_search: VectorSearch) -> str:
    """Returns how Chroma differs from the catalog once it is filled; others may be writing meanwhile."""
    found = ""
    for _ in range(_CATCH_UPS):
        if vector_search.try_open():
            vector_search.sync()
        found = vector_search.difference()
        if not found:
            break
    return found
