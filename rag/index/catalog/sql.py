"""Pieces of SQL that several tables share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

_T = TypeVar("_T")

CURRENT_VERSION = "(SELECT id FROM editions WHERE state = 'current')"  # id of the index version that is searched
_IDS_A_STATEMENT = 900  # SQLite's oldest limit on values in one statement is 999


def slices(values: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """Yields values in parts that fit into one statement."""
    for begin in range(0, len(values), _IDS_A_STATEMENT):
        yield values[begin : begin + _IDS_A_STATEMENT]


def placeholders(values: Sequence[object]) -> str:
    """Returns a question mark for each value.

    Example:
        >>> placeholders([3, 1, 4])
        '?,?,?'
    """
    return ",".join("?" * len(values))


def word_count(terms: str) -> int:
    """Counts terms that are joined by spaces.

    Example:
        >>> word_count("danub flow"), word_count("")
        (2, 0)
    """
    return terms.count(" ") + 1 if terms else 0
