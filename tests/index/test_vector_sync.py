"""When Chroma is opened and filled: in the background, at once, or not at all."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from rag.errors import StorageError
from rag.index import vector_sync
from rag.index.catalog import Catalog
from rag.index.vector_sync import VectorSync

from .samples import add


class FakeSearch:
    """Records its calls."""

    def __init__(self, *, is_taken: bool = False) -> None:
        self.calls: list[str] = []
        self.is_taken = is_taken
        self.fails = False
        self.never_filled = False
        self.changes = 0
        self.synced = threading.Event()

    def try_open(self) -> bool:
        self.calls.append("open")
        if self.fails:
            raise StorageError("the fake failed")
        return not self.is_taken

    def sync(self, should_stop: Callable[[], bool] = lambda: False) -> int:
        self.calls.append("sync")
        self.synced.set()
        return 5

    def close(self) -> None:
        self.calls.append("close")

    def is_never_filled(self) -> bool:
        return self.never_filled

    def unconfirmed(self) -> int:
        return self.changes


def test_a_lasting_process_fills_in_the_background(catalog: Catalog) -> None:
    """Once, however often it is asked to prepare."""
    search = FakeSearch()
    sync = VectorSync(catalog, search, short_lived=False)
    sync.prepare()
    sync.prepare()
    assert search.synced.wait(5)
    sync.close(changed=False)

    assert ["open", "sync", "close"] == search.calls


def test_a_short_lived_process_scans_a_small_index(catalog: Catalog) -> None:
    """Importing Chroma takes longer than the question."""
    search = FakeSearch()
    VectorSync(catalog, search, short_lived=True).prepare()

    assert [] == search.calls


@pytest.mark.parametrize("fails", [False, True])
def test_a_large_index_is_opened_at_once(catalog: Catalog, monkeypatch: pytest.MonkeyPatch, fails: bool) -> None:
    """Reading all vectors would take longer; a failure is only logged."""
    monkeypatch.setattr(vector_sync, "_SCAN_UP_TO_VECTORS", 1)
    add(catalog, "a", "One.", "Two.", axes=[0, 1])
    search = FakeSearch()
    search.fails = fails
    VectorSync(catalog, search, short_lived=True).prepare()

    assert ["open"] == search.calls


@pytest.mark.parametrize(
    ("changed", "short_lived", "never_filled", "changes", "is_synced"),
    [
        (False, False, True, 9_999, False),  # nothing changed here
        (True, False, False, 0, True),  # a lasting process
        (True, True, False, 999, False),  # a few changes: scanned until the next process opens Chroma
        (True, True, False, 1_000, True),
        (True, True, True, 1, True),  # the first documents
    ],
)
def test_closing_brings_chroma_up_to_date_where_due(
    catalog: Catalog, changed: bool, short_lived: bool, never_filled: bool, changes: int, is_synced: bool
) -> None:
    """And releases it."""
    search = FakeSearch()
    search.never_filled, search.changes = never_filled, changes
    VectorSync(catalog, search, short_lived=short_lived).close(changed=changed)

    assert (["open", "sync", "close"] if is_synced else ["close"]) == search.calls


def test_another_process_that_has_chroma_open_syncs_for_us(catalog: Catalog) -> None:
    """No change is passed on from here."""
    assert 5 == VectorSync(catalog, FakeSearch(), short_lived=True).sync()
    assert 0 == VectorSync(catalog, FakeSearch(is_taken=True), short_lived=True).sync()
