"""Vector search over a fake of Chroma: what is passed to it, what is scanned instead, and what follows a failure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rag.errors import StorageError
from rag.index import vector_search
from rag.index.catalog import Catalog
from rag.index.vector_search import VectorSearch, _Position

from .samples import AXES, add


class FakeIndex:
    """A vector index in memory. Fails while `fails` is set."""

    def __init__(self, position: str = "") -> None:
        self.position = position
        self.vectors: dict[str, NDArray[np.float32]] = {}
        self.calls: list[int] = []  # number of changes of each `apply`
        self.asked = 0
        self.fails = False
        self.state = "open"

    def __len__(self) -> int:
        return len(self.vectors)

    def keys(self) -> list[str]:
        return [*self.vectors]

    def is_alive(self) -> bool:
        return self.state != "dead"

    def close(self) -> None:
        self.state = "closed"

    def abandon(self) -> None:
        self.state = "abandoned"

    def apply(self, changes: Sequence[tuple[str, NDArray[np.float32] | None]], position: str) -> None:
        self._check()
        self.calls.append(len(changes))
        self.position = position
        for key, vector in changes:
            self.vectors.pop(key, None)
            if vector is not None:
                self.vectors[key] = vector

    def nearest(self, vector: NDArray[np.float32], k: int) -> list[tuple[str, float]]:
        self._check()
        self.asked += 1
        scores = [(key, float(row @ vector)) for key, row in self.vectors.items()]
        return sorted(scores, key=lambda item: -item[1])[:k]

    def _check(self) -> None:
        if self.fails:
            raise StorageError("the fake failed")


class FakeStore:
    """Keeps indexes by the name of their generation."""

    def __init__(self) -> None:
        self.indexes: dict[str, FakeIndex] = {}

    def open(self, name: str) -> FakeIndex:
        return self.indexes.setdefault(name, FakeIndex())

    def remove_others(self, name: str) -> None:
        self.indexes = {known: index for known, index in self.indexes.items() if known == name}

    @property
    def only(self) -> FakeIndex:
        (index,) = self.indexes.values()
        return index


class FakeLock:
    """A lock that another process may hold."""

    def __init__(self) -> None:
        self.is_taken = False
        self.is_held = False

    def try_acquire(self) -> bool:
        self.is_held = not self.is_taken
        return self.is_held

    def release(self) -> None:
        self.is_held = False

    def end_orphan(self) -> bool:
        return False

    def holder(self) -> str:
        return "pid 7" if self.is_taken else ""


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def lock() -> FakeLock:
    return FakeLock()


@pytest.fixture
def search(catalog: Catalog, store: FakeStore, lock: FakeLock) -> VectorSearch:
    """Over three passages with vectors along axes 0, 1 and 2."""
    add(catalog, "a", "One.", "Two.", "Three.", axes=[0, 1, 2])
    return VectorSearch(catalog, lock, lambda: store)


def nearest(search: VectorSearch, axis: int, k: int = 1) -> list[tuple[str, float]]:
    return search.nearest(AXES[axis], k)


@pytest.mark.parametrize(("text", "position"), [("3:12", _Position(3, 12)), (":12", _Position(None, 12)), ("x", None)])
def test_a_position_is_text(text: str, position: _Position | None) -> None:
    """Stored by the index, read back when it is opened."""
    assert position == _Position.parse(text)
    assert position is None or text == str(position)


def test_without_an_index_everything_is_scanned(search: VectorSearch, lock: FakeLock) -> None:
    """Another process has it open."""
    lock.is_taken = True

    assert not search.try_open()
    assert (False, "pid 7", 0) == (search.is_open, search.holder(), search.sync())
    assert [("1:1", 1.0)] == nearest(search, 1)
    assert 3 == len(nearest(search, 1, k=10))


def test_a_new_generation_is_filled_with_all_vectors(
    search: VectorSearch, store: FakeStore, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In batches; then the log is followed."""
    monkeypatch.setattr(vector_search, "_CHANGES_AT_ONCE", 2)
    assert search.is_never_filled()
    assert search.try_open()
    assert not search.is_never_filled()

    assert 3 == search.sync()
    assert [2, 1, 0] == store.only.calls
    assert (":3", 3, 0) == (store.only.position, len(search), search.unconfirmed())

    add(catalog, "b", "Four.", axes=[3])
    assert 1 == search.unconfirmed()
    assert 1 == search.sync()
    assert (":4", 4, 0) == (store.only.position, len(search), search.unconfirmed())
    assert 0 == search.sync()


def test_what_the_index_lacks_is_scanned(search: VectorSearch, store: FakeStore, catalog: Catalog) -> None:
    """Vectors in the log are found before the index has them; the rest is found by the index."""
    search.try_open()
    assert [("1:0", 1.0)] == nearest(search, 0)
    assert 0 == store.only.asked  # it is not filled yet

    search.sync()
    document_id, _ = add(catalog, "b", "Four.", axes=[3])
    assert [(f"{document_id}:0", 1.0)] == nearest(search, 3)
    assert [("1:0", 1.0)] == nearest(search, 0)
    assert 2 == store.only.asked


def test_a_fill_can_be_interrupted(search: VectorSearch, store: FakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between batches; the next one continues there."""
    monkeypatch.setattr(vector_search, "_CHANGES_AT_ONCE", 2)
    search.try_open()

    assert 2 == search.sync(should_stop=lambda: bool(store.only.calls))
    assert "2:3" == store.only.position
    assert 1 == search.sync()


def test_a_closed_index_is_opened_where_it_was(search: VectorSearch, store: FakeStore, lock: FakeLock) -> None:
    """Nothing is copied again."""
    search.try_open()
    search.sync()
    search.close()
    assert ("closed", False, False) == (store.only.state, search.is_open, lock.is_held)

    assert search.try_open()
    assert 0 == search.sync()


def test_a_position_of_another_catalog_is_not_trusted(
    search: VectorSearch, store: FakeStore, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the log's end, before its trimmed part, or unreadable: a new generation is filled."""
    for position in (":99", "damaged"):
        name = catalog.changes.new_generation()
        stale = store.indexes[name] = FakeIndex(position)
        assert search.try_open()
        assert "abandoned" == stale.state
        assert stale is not store.only
        search.sync()
        assert 3 == len(search)
        search.close()


def test_a_failed_fill_starts_a_new_generation(
    search: VectorSearch, store: FakeStore, caplog: pytest.LogCaptureFixture
) -> None:
    """At once; what was there is filled again."""
    search.try_open()
    search.sync()
    failed = store.only
    failed.fails = True
    search.erase()
    search.try_open()
    search.sync()

    assert failed is not store.only
    assert 3 == len(search)


def test_an_index_that_died_is_replaced(search: VectorSearch, store: FakeStore) -> None:
    """As soon as anyone looks, without a question that fails first."""
    search.try_open()
    search.sync()
    dead = store.only
    dead.state = "dead"
    assert search.try_open()
    search.sync()

    assert dead is not store.only
    assert 3 == len(search)


def test_nothing_is_erased_while_another_process_has_it(catalog: Catalog, store: FakeStore) -> None:
    lock = FakeLock()
    lock.is_taken = True
    search = VectorSearch(catalog, lock, lambda: store)

    assert not search.erase()
    assert search.is_never_filled()


def test_a_failed_question_is_answered_by_the_scan(search: VectorSearch, store: FakeStore) -> None:
    """The index is abandoned, and replaced at once; after a second failure in a row, only later."""
    search.try_open()
    search.sync()
    failed = store.only
    failed.fails = True

    assert [("1:2", 1.0)] == nearest(search, 2)
    assert ("abandoned", False) == (failed.state, search.is_open)

    assert search.try_open()
    store.only.fails = True
    assert 0 == search.sync()
    assert not search.try_open()
    assert [("1:2", 1.0)] == nearest(search, 2)


def test_a_success_forgives_failures(search: VectorSearch, store: FakeStore) -> None:
    """Only failures in a row make it wait."""
    for _ in range(3):
        assert search.try_open()
        search.sync()
        store.only.fails = True
        nearest(search, 0)

    assert search.try_open()


def test_an_index_that_another_process_replaced_is_closed(search: VectorSearch, store: FakeStore, catalog: Catalog) -> None:
    """By a reindexing, for one: its generation is no longer the catalog's."""
    search.try_open()
    search.sync()
    replaced = store.only
    catalog.changes.new_generation()

    assert [("1:0", 1.0)] == nearest(search, 0)
    assert 0 == replaced.asked
    assert search.try_open()
    assert "abandoned" == replaced.state
    assert 3 == search.sync()


def test_a_difference_is_described(search: VectorSearch, store: FakeStore) -> None:
    """Missing and superfluous vectors are counted; an index that fails says how."""
    assert "" == search.difference()
    search.try_open()
    search.sync()
    assert "" == search.difference()

    store.only.vectors = {"1:0": AXES[0], "unknown": AXES[1]}
    assert "Chroma lacks 2 vectors and has 1 too many" == search.difference()


def test_the_log_is_trimmed_behind_the_index(
    search: VectorSearch, catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that scans and lags further behind reads all vectors again."""
    monkeypatch.setattr(vector_search, "_LOG_KEPT", 1)
    search.try_open()
    search.sync()
    add(catalog, "b", "Four.", "Five.", axes=[3, 4])
    search.sync()

    assert (4, 5) == (catalog.changes.trimmed(), catalog.changes.newest())
