"""Words, as they are compared."""

from __future__ import annotations

import pytest

from rag.text.terms import located_terms, terms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The U.S. raised 1,250 tariffs on Curaçao's exports", ["us", "rais", "1250", "tariff", "curacao", "export"]),
        ("3.5 per cent", ["3p5", "cent"]),
        ("what is it?", []),
        ("東京都", ["東京", "京都"]),
        ("서울", ["서울"]),
        ("Ångström ANGSTROM", ["angstrom", "angstrom"]),
        ("3 × 10⁸ m², 1,204³ of H₂O", ["3", "10", "8", "m2", "1204", "3", "h2o"]),
        ("NOT OR AND near(", ["near"]),
        ("\0\u202e\x1b[31m", ["31m"]),
        ("x" * 100, []),
        ("1,2" * 100, []),
        ("a" + "\u0301" * 300, []),
    ],
)
def test_terms(text: str, expected: list[str]) -> None:
    """Case, accents, endings and function words do not matter; figures and scripts without spaces do."""
    assert expected == terms(text)


def test_located() -> None:
    """Each word is told with its place in the text."""
    assert [(4, "cat"), (8, "sat")] == list(located_terms("the cat sat"))
