"""Formats question outcomes and metric values for reports, the terminal and the web interface."""

from __future__ import annotations

from collections.abc import Sequence

from rag.evaluation.comparison import is_right
from rag.evaluation.records import RowJSON
from rag.text.unicode_text import TERMINAL_CONTROLS

# The words displayed for each question outcome.
OUTCOMES = {
    "right": "correct",
    "wrong": "wrong",
    "declined": "correctly declined",
    "refused": "answerable but declined",
    "answered": "unanswerable but answered",
    "unknown": "not checked: no gold data",
}
_COUNTS = ("questions", "answerable", "citations")  # metrics whose values are whole numbers
_UNSAFE = str.maketrans(dict.fromkeys(TERMINAL_CONTROLS, "\ufffd"))


def outcome(row: RowJSON) -> str:
    """Returns a question's outcome, which is one of the keys of `OUTCOMES`."""
    declined = row["status"] == "abstained"
    if not row["question"]["answerable"]:
        return "declined" if declined else "answered"
    if declined:
        return "refused"
    right = is_right(row)
    return "unknown" if right is None else "right" if right else "wrong"


def count_outcomes(rows: Sequence[RowJSON]) -> dict[str, int]:
    """Returns the number of questions for each outcome, in the order of `OUTCOMES`. Omits outcomes that do not occur."""
    found = [outcome(row) for row in rows]
    return {name: found.count(name) for name in OUTCOMES if name in found}


def format_value(value: float | None, metric: str = "") -> str:
    """Formats a metric's value. A missing value becomes a dash.

    Example:
        >>> format_value(0.87654), format_value(12.0, "p50_ms"), format_value(61, "questions"), format_value(None)
        ('0.877', '12.0', '61', '—')
    """
    if value is None:
        return "—"
    if metric in _COUNTS:
        return f"{value:,.0f}"
    one_decimal = metric.endswith("_ms") or "_ms." in metric or metric.startswith("tokens")
    return f"{value:,.1f}" if one_decimal else f"{value:.3f}"


def format_interval(interval: tuple[float, float] | None, metric: str = "") -> str:
    """Formats a metric's interval. Returns an empty string if there is no interval.

    Example:
        >>> format_interval((0.5, 0.75))
        '0.500 to 0.750'
    """
    return f"{format_value(interval[0], metric)} to {format_value(interval[1], metric)}" if interval else ""


def show_unsafe_characters(text: str) -> str:
    """Replaces control characters, and invisible characters that would reorder the text after them, with visible ones."""
    return text.translate(_UNSAFE)
