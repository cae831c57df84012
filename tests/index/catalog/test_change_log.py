"""The log of vector changes that Chroma and the scan follow."""

from __future__ import annotations

import numpy as np

from rag.index.catalog import Catalog

from ..samples import add


def _summary(catalog: Catalog, after: int = 0, limit: int = 100) -> list[tuple[int, str, int | None]]:
    """(number, key, axis of the vector) of entries; the axis of a delete is None."""
    return [
        (entry.seq, entry.key, None if entry.vector is None else int(np.argmax(entry.vector)))
        for entry in catalog.changes.after(after, limit)
    ]


def test_entries_are_numbered_in_the_order_of_changes(catalog: Catalog) -> None:
    """An upsert for each vector; a limit and a start are obeyed."""
    assert 0 == catalog.changes.newest()

    add(catalog, "a", "One.", "Two.", axes=[3, 5])
    add(catalog, "b", "Three.", axes=[7])

    assert [(1, "1:0", 3), (2, "1:1", 5), (3, "2:0", 7)] == _summary(catalog)
    assert [(2, "1:1", 5)] == _summary(catalog, after=1, limit=1)
    assert 3 == catalog.changes.newest()


def test_an_upsert_of_a_removed_passage_reads_as_a_delete(catalog: Catalog) -> None:
    """Its vector no longer exists; the delete itself follows in the log."""
    document_id, _ = add(catalog, "a", "One.", axes=[3])
    catalog.documents.hide([document_id])
    catalog.sweep(unfinished_too=False)

    assert [(1, "1:0", None), (2, "1:0", None)] == _summary(catalog)


def test_numbers_never_start_over(catalog: Catalog) -> None:
    """A log that was trimmed to nothing still knows its last number."""
    add(catalog, "a", "One.", "Two.", "Three.", axes=[0, 1, 2])
    catalog.changes.trim(2)
    assert (2, [(3, "1:2", 2)]) == (catalog.changes.trimmed(), _summary(catalog))

    catalog.changes.trim(3)
    assert (3, 3, []) == (catalog.changes.trimmed(), catalog.changes.newest(), _summary(catalog))

    add(catalog, "b", "Four.", axes=[4])
    assert [(4, "2:0", 4)] == _summary(catalog)


def test_trimming_nothing_changes_nothing(catalog: Catalog) -> None:
    """Not even the number up to which the log was trimmed."""
    add(catalog, "a", "One.", axes=[0])
    catalog.changes.trim(0)

    assert (0, 1) == (catalog.changes.trimmed(), catalog.changes.newest())


def test_a_new_generation_empties_the_log(catalog: Catalog) -> None:
    """It is filled from the vectors, not from the log's history."""
    add(catalog, "a", "One.", "Two.", axes=[0, 1])
    catalog.meta.set("chroma_filled", "2")

    names = [catalog.changes.new_generation(), catalog.changes.new_generation()]

    assert names[0] != names[1] == catalog.meta.get("chroma_generation")
    assert "0" == catalog.meta.get("chroma_filled")
    assert (2, 2, []) == (catalog.changes.trimmed(), catalog.changes.newest(), _summary(catalog))
