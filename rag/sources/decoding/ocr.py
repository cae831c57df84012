"""Recognises the words on scanned pages (optical character recognition, OCR). OCR is off by default.

This is the only module that imports rapidocr. The `ocr` extra installs rapidocr together with its models, so nothing is
downloaded later. Recognition is turned on for a whole process, which does no harm because the process that parses files
does nothing else (see `rag.sources.parser_child`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from typing import Any

from rag.errors import ReadError

Box = tuple[float, float, float, float]  # left, bottom, right, top
HINT = "run OCR on it first, or let rag do that: pip install 'rag[ocr]', then set ocr = \"on\""

_LEAST_SCORE = 0.6  # recognised text with a lower score is usually a drawing mistaken for letters
_SAME_LINE = 0.5  # pieces are on the same line if their vertical overlap exceeds this share of the smaller height


@dataclass
class _Switch:
    on: bool = False
    after_page: Callable[[], None] = field(default=lambda: None)


_switch = _Switch()


def is_installed() -> bool:
    """Whether the `ocr` extra is installed."""
    return find_spec("rapidocr") is not None


def turn_on() -> None:
    """Turns on text recognition in this process."""
    _switch.on = True


def set_after_page(after_page: Callable[[], None]) -> None:
    """Sets the function that is called after each page whose text has been recognised, because that takes seconds."""
    _switch.after_page = after_page


def is_on() -> bool:
    """Whether text recognition is turned on in this process."""
    return _switch.on


def recognised_rows(picture: Any, scale: float) -> list[list[tuple[str, Box]]]:
    """Recognises the words on a page.

    Args:
        picture: The page's pixels as an array of shape (height, width, 3), with the colours in the order blue, green, red.
        scale: Number of pixels per unit of the boxes' coordinates, which start at the page's lower left corner.

    Returns:
        The rows of text from top to bottom, each as a list of (text, box) pairs from left to right.

    Raises:
        ReadError: The recognition engine is not installed.
    """
    found = _engine()(picture)
    _switch.after_page()
    if found.boxes is None:
        return []
    height = picture.shape[0] / scale
    pieces: list[tuple[str, Box]] = []
    for corners, text, score in zip(found.boxes, found.txts, found.scores, strict=True):
        if score >= _LEAST_SCORE and text.strip():
            (left, top), (right, bottom) = (corners.min(axis=0) / scale).tolist(), (corners.max(axis=0) / scale).tolist()
            pieces.append((text.strip(), (left, height - bottom, right, height - top)))
    rows: list[list[tuple[str, Box]]] = []
    for piece in sorted(pieces, key=lambda piece: -piece[1][3]):
        row = next((row for row in reversed(rows[-4:]) if _is_level(row[-1][1], piece[1])), None)
        if row is None:
            rows.append([piece])
        else:
            row.append(piece)
    return [sorted(row, key=lambda piece: piece[1][0]) for row in rows]


def _is_level(a: Box, b: Box) -> bool:
    return min(a[3], b[3]) - max(a[1], b[1]) > _SAME_LINE * min(a[3] - a[1], b[3] - b[1])


@cache
def _engine() -> Any:
    try:
        from rapidocr import RapidOCR
    except ImportError:
        raise ReadError(
            "it is a scan, and OCR is turned on but not installed", "to install it: pip install 'rag[ocr]'"
        ) from None
    return RapidOCR(params={"Global.log_level": "critical"})
