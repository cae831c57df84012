"""Reports an index's contents, checks its health, and rebuilds Chroma from the catalog if necessary."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from rag import __version__
from rag.errors import RagError
from rag.index.import_lock import import_turn
from rag.records import Health, IndexStatus

if TYPE_CHECKING:
    from rag.index.catalog import Catalog
    from rag.index.vector_search import VectorSearch

_CATCH_UPS = 3  # attempts to bring Chroma up to date while other processes write


def versions() -> dict[str, str]:
    """Returns the versions of the packages that affect the answers or the index, by package name."""
    packages = ("chromadb", "llama-index-core", "gradio", "openai")
    return {"rag": __version__, **{name: version(name) for name in packages}}


def size_of(folder: Path) -> int:
    """Returns the total size of all files below a folder, in bytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def status(folder: Path, catalog: Catalog, threshold: float) -> IndexStatus:
    """Returns an overview of an index's contents.

    Args:
        folder: The index folder.
        catalog: The index's catalog.
        threshold: The abstention threshold in use.
    """
    current = catalog.versions.current()
    return IndexStatus(
        index=str(folder),
        documents=catalog.documents.count(),
        passages=current.passages,
        waiting=catalog.documents.waiting()[1],
        size=size_of(folder),
        characters=catalog.documents.characters(),
        embedder=current.embedder,
        evidence=threshold,
        versions=versions(),
    )


def limitations(platform: str, *, has_fast_kernel: bool) -> tuple[str, ...]:
    """Returns what works less well on this machine than it could.

    Args:
        platform: The operating system, as in `sys.platform`.
        has_fast_kernel: Whether the built-in embedder can use its fast kernel.
    """
    found = {
        "win32": "on Windows, the memory and processor time that parsing a file may take are not limited, only the time on"
        " the clock",
        "darwin": "on macOS, the memory that parsing a file may take is not limited",
    }
    slow = "on this processor, the built-in embedder's fast kernel is not exact, so imports take longer"
    kernel = () if has_fast_kernel else (slow,)
    return (*((found[platform],) if platform in found else ()), *kernel)


def check(
    folder: Path, catalog: Catalog, vector_search: VectorSearch, limited: Sequence[str] = (), *, repair: bool
) -> Health:
    """Checks an index; with `repair`, also deletes unfinished imports.

    If Chroma differs from the catalog, from which it is derived, it is rebuilt, and a notice says so. Problems of Chroma
    are never problems of the index: while Chroma cannot be used, searches scan the vectors, with the same results.

    Args:
        folder: The index folder.
        catalog: The index's catalog.
        vector_search: The index's vector search.
        limited: What works less well on this machine; see `limitations`.
        repair: Whether to repair what can be repaired.

    Raises:
        IndexBusyError: `repair` is set, but another process is importing.
    """
    problems, repaired = catalog.problems(), []
    if catalog.lost:
        repaired.append(f"{catalog.lost}; the remaining data was kept; sync your documents again")
    if repair:
        with import_turn(folder):
            catalog.sweep(unfinished_too=True)
    notices, in_chroma = _check_chroma(vector_search)
    notices += limited
    now = status(folder, catalog, 0.0)
    return Health(
        index=now.index,
        documents=now.documents,
        passages=now.passages,
        waiting=now.waiting,
        size=now.size,
        characters=now.characters,
        vectors_in_chroma=in_chroma,
        embedder=now.embedder,
        versions=now.versions,
        problems=tuple(problems),
        repaired=tuple(repaired),
        notices=tuple(notices),
        chroma_holder=vector_search.holder() if in_chroma is None else "",
    )


def _check_chroma(vector_search: VectorSearch) -> tuple[list[str], int | None]:
    """Brings Chroma in step with the catalog. Returns notices, and the number of vectors in Chroma if it is open here."""
    notices: list[str] = []
    try:
        if not vector_search.try_open():
            return notices, None
        if found := _difference(vector_search):
            if vector_search.erase() and vector_search.try_open():
                vector_search.sync()
            notices.append(f"{found}; it was rebuilt from the catalog")
        return notices, len(vector_search)
    except (RagError, OSError) as error:
        notices.append(f"{error}; until it works again, searches scan the vectors, with the same results")
        return notices, None


def _difference(vector_search: VectorSearch) -> str:
    """Brings Chroma up to date, and describes any remaining difference from the catalog; empty if there is none."""
    found = ""
    for _ in range(_CATCH_UPS):
        if vector_search.try_open():
            vector_search.sync()
        found = vector_search.difference()
        if not found:
            break
    return found
