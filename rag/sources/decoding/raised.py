"""Writes raised text, such as exponents and the marks of footnotes, so that it does not change the figure before it."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence, Set
from itertools import groupby
from statistics import median

from rag.sources.decoding.page_lines import Line

_SUPERSCRIPTS = dict(zip("0123456789+-−=()", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾", strict=True))
_BETWEEN = ",;–"  # characters between several marks, as in "1,3–5"
_LONG = 20  # a line with at least this many characters shows how high a page's lines are
_NOTE_HEIGHT = 0.94  # a footnote's lines are at most this share of the usual height
_PLAIN_NOTE = re.compile(r"\s*(\d{1,2})\s+(?=[^\W\d_])")
_RAISED_NOTE = re.compile(r"\s*[^\W\d_]")
# A raised figure behind one of these is an exponent rather than the mark of a footnote.
_HAS_POWERS = re.compile(r"(?<![^\W_])(?:10|[dcmkµn]?m|ft|in|yd|mi|s|[a-zA-Z])$")

Span = tuple[int, int]


def raised(text: str) -> str:
    """Returns raised text in superscript characters. Letters, such as those of ordinals, and brackets stay as they are.

    Example:
        >>> [raised(text) for text in ("2", "-8", "1,3", "th", "[3]", "2a")]
        ['²', '⁻⁸', '¹,³', 'th', '[3]', '^2a']
    """
    words = text.strip()
    if not any(map(str.isdigit, words)) or words[:1] in "[(":
        return text
    if all(character in _SUPERSCRIPTS or character in _BETWEEN for character in words):
        return "".join(_SUPERSCRIPTS.get(character, character) for character in words)
    return f"^{words}"


def footnote_mark(text: str) -> str:
    """Returns the mark of a footnote in brackets, as in "[3]".

    Example:
        >>> footnote_mark("3"), footnote_mark("[3]"), footnote_mark("*")
        ('[3]', '[3]', '*')
    """
    mark = text.strip()
    return f"[{mark}]" if mark[:1].isalnum() else mark


def with_raised(lines: Sequence[Line], places: Set[int]) -> list[Line]:
    """Writes the raised characters of a page as superscripts, and footnote marks with their notes in brackets.

    A raised number is the mark of a footnote if one of the page's notes begins with it and it does not look like an
    exponent. If every such number looks like an exponent, the first one is the mark.

    Args:
        lines: The page's lines in reading order.
        places: The original positions of all raised characters of the page.
    """
    runs = [_runs(line, places) for line in lines]
    if not any(runs):
        return list(lines)
    notes = _notes(lines, runs)
    marks: dict[int, set[Span]] = {}
    for n, span in _marks(lines, runs, notes):
        marks.setdefault(n, set()).add(span)
    written = []
    for n, line in enumerate(lines):
        note = notes.get(n)
        brackets = {note} if note else set()
        outside = {run for run in runs[n] if note is None or run[0] >= note[1] or run[1] <= note[0]}
        written.append(_written(line, sorted(outside | brackets), brackets | marks.get(n, set())))
    return written


def _runs(line: Line, places: Set[int]) -> list[Span]:
    """Returns the spans of consecutive raised characters in a line, without commas between them."""
    spans, at = [], 0
    characters = zip(line.text, line.origins, strict=True)
    for is_raised, group in groupby(at in places and not char.isspace() and char not in ",;" for char, at in characters):
        length = sum(1 for _ in group)
        if is_raised:
            spans.append((at, at + length))
        at += length
    return spans


def _notes(lines: Sequence[Line], runs: Sequence[Sequence[Span]]) -> dict[int, Span]:
    """Returns, for each line that may begin a footnote, the span of its mark."""
    heights = [line.box[3] - line.box[1] for line in lines if line.box and len(line.text) >= _LONG]
    usual = median(heights) if heights else 0.0
    notes = {}
    for n, line in enumerate(lines):
        lead = len(line.text) - len(line.text.lstrip())
        if runs[n] and runs[n][0][0] == lead and _RAISED_NOTE.match(line.text, runs[n][0][1]):
            notes[n] = runs[n][0]
        elif line.box and line.box[3] - line.box[1] <= _NOTE_HEIGHT * usual and (found := _PLAIN_NOTE.match(line.text)):
            notes[n] = found.span(1)
    return notes


def _marks(lines: Sequence[Line], runs: Sequence[Sequence[Span]], notes: dict[int, Span]) -> set[tuple[int, Span]]:
    """Returns the marks that refer to notes, each as (line number, span), and removes notes that no mark refers to."""
    candidates: dict[str, list[tuple[int, Span]]] = {}
    for n, spans in enumerate(runs):
        for start, end in spans:
            if notes.get(n) != (start, end):
                candidates.setdefault(lines[n].text[start:end], []).append((n, (start, end)))
    meant = {mark: _without_exponents(lines, found) for mark, found in candidates.items()}
    marks: set[tuple[int, Span]] = set()
    used: set[str] = set()
    for n, (start, end) in list(notes.items()):
        mark = lines[n].text[start:end]
        if mark not in meant:
            del notes[n]
        elif mark not in used:
            used.add(mark)
            marks.update(meant[mark])
    return marks


def _without_exponents(lines: Sequence[Line], found: Sequence[tuple[int, Span]]) -> Sequence[tuple[int, Span]]:
    """Returns the raised numbers that do not look like exponents; if there are none, the first one."""
    words = [at for at in found if not _HAS_POWERS.search(lines[at[0]].text, max(0, at[1][0] - 4), at[1][0])]
    return words or found[:1]


def _written(line: Line, spans: Sequence[Span], brackets: Collection[Span]) -> Line:
    """Replaces the given spans of a line: those in `brackets` as footnote marks, the others as raised text."""
    text, origins, at = [], [], 0
    for start, end in spans:
        piece = line.text[start:end]
        new = footnote_mark(piece) if (start, end) in brackets else raised(piece)
        text += [line.text[at:start], new]
        origins += [*line.origins[at:start], *(line.origins[min(start + n, end - 1)] for n in range(len(new)))]
        at = end
    return Line("".join([*text, line.text[at:]]), [*origins, *line.origins[at:]], line.box)
