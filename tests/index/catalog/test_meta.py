"""Single facts about the index."""

from __future__ import annotations

from rag.index.catalog import Catalog


def test_a_fact_is_set_and_replaced(catalog: Catalog) -> None:
    """An unknown fact is empty; the last value of a known one counts."""
    assert "" == catalog.meta.get("colour")

    catalog.meta.set("colour", "blue")
    catalog.meta.set("colour", "green")

    assert "green" == catalog.meta.get("colour")
