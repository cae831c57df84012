"""Names of files as text that can be stored."""

from __future__ import annotations

from rag.sources.records import storable_name


def test_bytes_that_are_not_unicode_are_escaped() -> None:
    assert "caf\\udce9.txt" == storable_name("caf\udce9.txt")
    assert "café \u202e☕.txt" == storable_name("café \u202e☕.txt")
