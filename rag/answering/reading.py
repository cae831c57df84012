"""Says what a model should know about a passage in addition to its text: its document and its headings."""

from __future__ import annotations

from collections.abc import Mapping

_LONGEST_TITLE, _LONGEST_HEADING, _LONGEST_NAMES = 120, 120, 120


def context_of(title: str, heading: str, metadata: Mapping[str, str], date: str) -> str:
    """Returns what the reader knows about a passage: its document's title, names, version and date, and the headings.

    Example:
        >>> context_of("Lease", "3 Rent", {"names": "Ada Crane; Bo Finch", "version": "2"}, "2024-05-01")
        'Lease | Ada Crane; Bo Finch | version 2 | 2024-05-01 | 3 Rent'
    """
    version = metadata.get("version", "")
    names = metadata.get("names", "")[:_LONGEST_NAMES]
    parts = (title[:_LONGEST_TITLE], names, f"version {version}" if version else "", date, heading[-_LONGEST_HEADING:])
    return " | ".join(part for part in parts if part)
