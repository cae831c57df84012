"""Erases every trace of removed documents from the index's files, and frees the space."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rag.errors import IndexBusyError
from rag.index.maintenance.health import size_of

if TYPE_CHECKING:
    from rag.index.catalog import Catalog
    from rag.index.vector_search import VectorSearch


def compact(folder: Path, catalog: Catalog, vector_search: VectorSearch, refill: Callable[[], object]) -> tuple[int, int]:
    """Compacts an index. The caller holds the import lock.

    Also deletes the data that is kept so that a reindexing or a restore can be undone, and rebuilds Chroma.

    Args:
        folder: The index folder.
        catalog: The index's catalog.
        vector_search: The index's vector search.
        refill: Function that fills Chroma from the catalog.

    Returns:
        The index folder's size before and after, in bytes.

    Raises:
        IndexBusyError: Another process has Chroma open, or is reading an older state of the catalog.
    """
    before = size_of(folder)
    if not vector_search.erase():
        raise IndexBusyError(
            f"another process is searching through Chroma ({vector_search.holder()})", "stop that process, then try again"
        )
    catalog.sweep(unfinished_too=True)
    former = catalog.versions.other()
    if former is not None:
        catalog.versions.drop(former)
    for old in folder.glob("replaced-*"):
        shutil.rmtree(old)
    catalog.clean()
    refill()
    return before, size_of(folder)
