"""Provides SQL fragments and helper functions that several of the catalog's modules share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

_T = TypeVar("_T")

CURRENT_VERSION = "(SELECT id FROM editions WHERE state = 'current')"  # id of the index version that is searched
_IDS_A_STATEMENT = 900  # older builds of SQLite allow at most 999 values per statement


def slices(values: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """Splits values into slices, each small enough for one SQL statement."""
    for begin in range(0, len(values), _IDS_A_STATEMENT):
        yield values[begin : begin + _IDS_A_STATEMENT]


def placeholders(values: Sequence[object]) -> str:
    """Returns one question mark per value, separated by commas.

    Example:
        >>> placeholders([3, 1, 4])
        '?,?,?'
    """
    return ",".join("?" * len(values))


def word_count(terms: str) -> int:
    """Counts the terms in a string of terms separated by spaces.

    Example:
        >>> word_count("danub flow"), word_count("")
        (2, 0)
    """
    return terms.count(" ") + 1 if terms else 0
