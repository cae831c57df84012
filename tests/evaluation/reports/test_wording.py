"""Outcomes and values in words."""

from __future__ import annotations

import pytest

from rag.evaluation.reports.wording import OUTCOMES, count_outcomes, format_interval, outcome, show_unsafe_characters


def _row(status: str, answerable: bool, **measures: tuple[float, float]) -> dict:
    return {"status": status, "question": {"answerable": answerable}, "measures": measures}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (_row("answered", True, right=(1.0, 1)), "right"),
        (_row("answered", True, right=(0.0, 1)), "wrong"),
        (_row("abstained", False), "declined"),
        (_row("abstained", True), "refused"),
        (_row("answered", False), "answered"),
        (_row("answered", True), "unknown"),
    ],
)
def test_outcome(row: dict, expected: str) -> None:
    """Each combination of answerable, answered and right has a name."""
    assert expected == outcome(row)
    assert expected in OUTCOMES


def test_count_outcomes() -> None:
    """In the order of `OUTCOMES`, without those that do not occur."""
    rows = [_row("abstained", False), _row("answered", True, right=(1.0, 1)), _row("abstained", False)]

    assert [("right", 1), ("declined", 2)] == list(count_outcomes(rows).items())


def test_texts() -> None:
    """Times have one decimal; no interval is an empty text; marks that reorder text become visible."""
    assert "12.0 to 13.5" == format_interval((12, 13.5), "p50_ms")
    assert "" == format_interval(None)
    assert "a\ufffdb\ufffd\ufffd\tc\nd" == show_unsafe_characters("a\u202eb\x1b\x9b\tc\nd")
