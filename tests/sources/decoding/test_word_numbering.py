"""The kinds of numbers that Word computes; whole documents are tested in tests/sources/parsers/test_docx.py."""

from __future__ import annotations

import pytest

from rag.sources.decoding.word_numbering import formatted


@pytest.mark.parametrize(
    ("number", "kind", "expected"),
    [
        (27, "lowerLetter", "aa"),
        (3, "upperLetter", "C"),
        (1994, "upperRoman", "MCMXCIV"),
        (4, "lowerRoman", "iv"),
        (7, "decimalZero", "07"),
        (5, "ordinal", "5"),
        (5, "none", ""),
        (0, "lowerLetter", "0"),
        (10**7, "upperRoman", "10000000"),
    ],
)
def test_kinds(number: int, kind: str, expected: str) -> None:
    assert expected == formatted(number, kind)
