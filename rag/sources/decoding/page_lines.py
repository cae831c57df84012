"""Arranges the lines of a printed page: columns, words that were drawn letter by letter, paragraphs, headers and footers.

Nothing here depends on the format of the file. A line knows where each of its characters stood in the text that the
format's library returned for the page, so that a citation can be highlighted there.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from statistics import median
from typing import NamedTuple

from rag.sources.decoding.text import canonical
from rag.text.unicode_text import BYTE_ORDER_MARK, SOFT_HYPHEN, ZERO_WIDTH_SPACE

Box = tuple[float, float, float, float]  # left, bottom, right and top edges, in points from the page's lower left corner

_LIGATURES = dict(zip("ﬀﬁﬂﬃﬄﬅﬆ", ("ff", "fi", "fl", "ffi", "ffl", "st", "st"), strict=True))
HYPHENS = "\ufffe\x02"  # characters that pdfium returns for a hyphen that only splits a word at a line end
_DROPPED = SOFT_HYPHEN + ZERO_WIDTH_SPACE + BYTE_ORDER_MARK
_NEEDS_CLEANING = re.compile(f"[{''.join(_LIGATURES)}{HYPHENS}{_DROPPED}\0]")
_SENTENCE_ENDS = (".", "!", "?", ":", "”", '"', ")", ";", "。", "！", "？")
_EDGE_LINES = 3  # number of lines at the top, and at the bottom, of a page that may be headers or footers
# A line that is at the edge of at least this share and this number of pages is a header or footer.
_RUNNING_SHARE, _RUNNING_LEAST = 0.3, 3
_PAGE_NUMBER = re.compile(r"[-–—\s|]*(?:page\s*)?#(?:\s*(?:of|/)\s*#)?[-–—\s|]*$", re.IGNORECASE)
# A raised piece of a line is at least this share of the line's height above its bottom, at most this share below its top,
# and at least this share as high as the line.
_RAISED, _TOP, _LEAST = 0.3, 0.1, 0.25
# Raised and lowered characters reach at most this share as high above their baseline as the others, their baseline differs
# by at least this share, they are at most this share away from the others, and at most this many together.
_SMALL, _MIN_SHIFT, _BESIDE, _MOST_SHIFTED = 0.85, 0.15, 0.8, 12
_PROSE = 25  # a line with more code points than this is prose rather than a table cell
# If at least this share and this number of lines are to the right of the previous line, the page was drawn across columns.
ACROSS_SHARE, ACROSS_LEAST = 0.3, 4
_SIGN_BEFORE, _SIGN_AFTER = re.compile(r"(?:^|[\s(])[$€£¥(]$"), re.compile(r"[)%]")
_MARK = re.compile(r"\(?\w{1,5}[.)]|(?:\d{1,3}\.){1,5}\d{0,3}|[^\w\s]")
_BARE_NUMBER = re.compile(r"\d{1,3}")
_LEAST_GAP, _MOST_COLUMNS = 2, 300  # spaces
_CELL = re.compile(r"\S+(?:[ ]\S+)*")
_LEAST_CELLS = 2  # of a table's row
_MOST_LABELS = 2  # lines between the column names and the first row
_MOST_NAMES, _LONGEST_NAME, _NAME_REACH = 40, 60, 4  # lines; code points; line heights beside the cells below
# A paragraph starts if the distance to the previous line exceeds the usual one by this share of the line's height.
_PARAGRAPH_GAP = 0.55
_TABLE_GAP = 2  # usual distances of lines between the rows of a table


class Character(NamedTuple):
    """A printed character: its edges, baseline and height above the baseline, in points, and its original position."""

    left: float
    right: float
    baseline: float
    ascent: float
    place: int


@dataclass(frozen=True, slots=True)
class Line:
    """A line on a page.

    Attributes:
        text: The line without its ending.
        origins: For each character in `text`, its position in the text that pdfium returned for the page.
        box: The line's bounding box on the page; None if it is unknown.
        broken: Whether the last word continues on the next line.
        starts_paragraph: Whether this line starts a new paragraph.
        cells: The left edges, in points, of the cells of a table's row; empty if the line has no wide gaps.
    """

    text: str
    origins: Sequence[int]
    box: Box | None
    broken: bool = False
    starts_paragraph: bool = False
    cells: Sequence[float] = ()


class Grid(NamedTuple):
    """The columns of a page's text: the page's left edge and the usual width of its characters, in points."""

    left: float
    width: float

    def column(self, x: float) -> int:
        """Returns the column at a place on the page, from 0."""
        return min(_MOST_COLUMNS, int((x - self.left) / self.width))


def grid(boxed: Sequence[tuple[str, Sequence[Box]]]) -> Grid:
    """Returns a page's grid.

    Args:
        boxed: The text and the boxes of each of the page's lines.
    """
    lines = [(text, line) for text, found in boxed if text and (line := union(found)) is not None]
    whole = [(line[2] - line[0]) / len(text) for text, line in lines if len(text) > _PROSE]
    heights = [line[3] - line[1] for _, line in lines]
    width = median(whole) if whole else median(heights) / 2 if heights else 0.0
    return Grid(min((line[0] for _, line in lines), default=0.0), max(width, 1.0))


def union(found: Sequence[Box]) -> Box | None:
    """Returns the box around all the given boxes; None if there are none."""
    if not found:
        return None
    left, bottom, right, top = zip(*found, strict=True)
    return min(left), min(bottom), max(right), max(top)


def is_prose(text: str) -> bool:
    """Whether a line has enough letters to be prose rather than the content of a table cell."""
    return len(text) > _PROSE and sum(map(str.isalpha, text)) > 0.6 * len(text)


def join_spaced_letters(lines: Sequence[Line]) -> list[Line]:
    """Joins letters that were drawn one by one on the same line into words."""
    joined: list[Line] = []
    for line in lines:
        before = joined[-1] if joined else None
        if before is None or before.box is None or line.box is None or len(line.text.strip()) > 1:
            joined.append(line)
            continue
        height = max(before.box[3] - before.box[1], line.box[3] - line.box[1], 1.0)
        gap = line.box[0] - before.box[2]
        level = before.box[1] < line.box[3] and line.box[1] < before.box[3]
        is_letter = line.text.strip().isalpha() and (before.text[-1:].isalpha() or before.text[-1:] == " ")
        if not (level and is_letter and -0.5 * height < gap < 1.2 * height and _letters_only(before.text)):
            joined.append(line)
            continue
        space = " " if gap > 0.3 * height else ""
        text, origins = (
            before.text + space + line.text,
            [*before.origins, *[before.origins[-1]] * len(space), *line.origins],
        )
        joined[-1] = Line(text, origins, union([before.box, line.box]))
    return joined


def with_gaps(line: Line, cells: Sequence[tuple[int, float]], grid: Grid) -> Line:
    """Widens the spaces before the cells of a printed line, so that cells below one another are so in the text, too.

    A currency sign or a bracket stays with its figure, and the mark of a list item with its item, however far away it is
    printed.

    Args:
        line: The line.
        cells: For each cell but the first, its offset in the line's text, and its left edge in points.
        grid: The page's grid.
    """
    text, origins, at, lefts = "", list[int](), 0, list[float]()
    for place, left in cells:
        piece = line.text[at:place].rstrip()
        following = line.text[place:]
        is_mark = not text and (_MARK.fullmatch(piece) or (len(cells) == 1 and _BARE_NUMBER.fullmatch(piece)))
        is_apart = not is_mark and not _SIGN_BEFORE.search(piece) and not _SIGN_AFTER.match(following)
        if at < place and piece and is_apart:
            text, origins = text + piece, [*origins, *line.origins[at : at + len(piece)]]
            spaces = max(_LEAST_GAP, grid.column(left) - len(text))
            text, origins = text + " " * spaces, origins + [origins[-1]] * spaces
            at = place
            lefts.append(left)
    if not lefts or line.box is None:
        return line
    return replace(line, text=text + line.text[at:], origins=[*origins, *line.origins[at:]], cells=[line.box[0], *lefts])


def with_headers(lines: Sequence[Line], grid: Grid) -> list[Line]:
    """Puts the column names of each table, which are often drawn one by one, on lines above its first row.

    Args:
        lines: A page's lines, without white space around them.
        grid: The page's grid.
    """
    arranged: list[Line] = []
    for line in lines:
        stop = len(arranged)
        while stop > max(0, len(arranged) - _MOST_LABELS) and _is_label(arranged[stop - 1], line):
            stop -= 1
        begin = stop
        while begin > max(0, stop - _MOST_NAMES) and _is_above(arranged[begin - 1], line):
            begin -= 1
        arranged[begin:stop] = [_row(pieces, grid) for pieces in _printed_rows(arranged[begin:stop])]
        arranged.append(line)
    return arranged


def _is_label(line: Line, row: Line) -> bool:
    """Whether a line is above the label of a row, and not above its other cells."""
    if line.box is None or row.box is None or len(row.cells) < _LEAST_CELLS or not line.text:
        return False
    return not line.cells and line.box[1] > row.box[1] and line.box[2] < row.cells[1]


def _is_above(name: Line, row: Line) -> bool:
    """Whether a line is above the cells of a row, and not above the row's label."""
    if name.box is None or row.box is None or len(row.cells) < _LEAST_CELLS or name.box[1] < row.box[1]:
        return False
    height = row.box[3] - row.box[1]
    middle = (name.box[0] + name.box[2]) / 2
    is_beside_label = name.box[0] > row.box[0] + 3 * height and middle > row.cells[1] - _NAME_REACH * height
    is_short = 0 < len(" ".join(name.text.split())) <= _LONGEST_NAME
    return is_short and is_beside_label and name.box[2] < row.box[2] + _NAME_REACH * height


def _printed_rows(lines: Sequence[Line]) -> list[list[Line]]:
    """Returns lines in groups that are printed at the same height, from the top, each from left to right."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: -line.box[1] if line.box else 0.0):
        above = rows[-1][0].box if rows else None
        if above and line.box and abs(above[1] - line.box[1]) < 0.5 * (above[3] - above[1]):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [sorted(row, key=lambda line: line.box[0] if line.box else 0.0) for row in rows]


def _row(pieces: Sequence[Line], grid: Grid) -> Line:
    """Returns one line with the given ones as its cells, indented as far as it is printed."""
    text, origins, lefts = "", list[int](), list[float]()
    for piece in pieces:
        starts = piece.cells or [piece.box[0] if piece.box else 0.0]
        for cell, left in zip(_CELL.finditer(piece.text), starts, strict=False):
            spaces = max(_LEAST_GAP if text else 0, grid.column(left) - len(text))
            text += " " * spaces + cell.group()
            origins += [*[piece.origins[cell.start()]] * spaces, *piece.origins[cell.start() : cell.end()]]
            lefts.append(left)
    return Line(text, origins, union([piece.box for piece in pieces if piece.box]), cells=lefts)


def has_shifted(boxes: Sequence[Box]) -> bool:
    """Whether one of the pieces of a line may be raised: it reaches the line's top, but stays far above its bottom."""
    if len(boxes) < 2:
        return False
    bottom, top = min(box[1] for box in boxes), max(box[3] for box in boxes)
    height = top - bottom
    low, high, least = bottom + _RAISED * height, top - _TOP * height, _LEAST * height
    return any(box[1] > low and box[3] > high and box[3] - box[1] > least for box in boxes)


def shifted(characters: Sequence[Character]) -> tuple[set[int], set[int]]:
    """Returns the original positions of the raised and of the lowered characters of a printed line.

    Such characters are smaller than the others, and their baseline is higher or lower.

    Args:
        characters: The line's printed characters, without spaces.
    """
    places: tuple[set[int], set[int]] = set(), set()
    runs = [list(run) for _, run in groupby(characters, key=lambda character: round(character.baseline, 1))]
    if len(runs) < 2:
        return places
    counts = Counter[float]()
    for run in runs:
        counts[round(run[0].baseline, 1)] += len(run)
    (level, _), *_ = counts.most_common(1)
    ascent = max(character.ascent for run in runs if round(run[0].baseline, 1) == level for character in run)
    for before, run, after in zip([[], *runs], runs, [*runs[1:], []], strict=False):
        shift = run[0].baseline - level
        is_small = max(character.ascent for character in run) < _SMALL * ascent
        if not (_MIN_SHIFT * ascent < abs(shift) < ascent and is_small and len(run) <= _MOST_SHIFTED):
            continue
        gaps = [run[0].left - before[-1].right] if before else []
        gaps += [after[0].left - run[-1].right] if after else []
        if any(abs(gap) < _BESIDE * ascent for gap in gaps):
            places[shift < 0].update(character.place for character in run)
    return places


def join_shifted(lines: Sequence[Line], shifted: Collection[int]) -> list[Line]:
    """Joins the pieces of a printed line that were taken apart at raised or lowered characters.

    Args:
        lines: The lines in the order in which they were drawn.
        shifted: The original positions of all raised and lowered characters of the page.
    """
    joined: list[Line] = []
    for line in lines:
        before = joined[-1] if joined else None
        if before is None or not (_is_shifted(before, shifted, -1) or _is_shifted(line, shifted, 0)):
            joined.append(line)
            continue
        if before.box is None or line.box is None or not beside(before.box, line.box):
            joined.append(line)
            continue
        text, origins = before.text + line.text, [*before.origins, *line.origins]
        cells = [*before.cells, *line.cells[1:]] or line.cells
        joined[-1] = Line(text, origins, union([before.box, line.box]), cells=cells)
    return joined


def _is_shifted(line: Line, shifted: Collection[int], end: int) -> bool:
    """Whether a line's first (end 0) or last (end -1) printed character is raised or lowered."""
    lead = len(line.text) - len(line.text.lstrip())
    place = lead if end == 0 else len(line.text.rstrip()) - 1
    return lead < len(line.text) and line.origins[place] in shifted


def beside(a: Box, b: Box) -> bool:
    """Whether b follows a on the same printed line."""
    height = max(a[3] - a[1], b[3] - b[1])
    return -0.3 * height < b[0] - a[2] < _BESIDE * height and a[1] < b[3] and b[1] < a[3]


def _letters_only(text: str) -> bool:
    """Whether a line may consist of separately drawn letters, or of words assembled from such letters."""
    return len(text) < 80 and all(character.isalpha() or character == " " for character in text)


def in_column_order(lines: list[Line]) -> list[Line]:
    """Sorts lines by column if they were drawn across two columns; otherwise returns them unchanged."""
    placed = [line for line in lines if line.box is not None]
    across = [(a, b) for a, b in pairwise(placed) if is_prose(a.text) and is_prose(b.text) and _right_of(a.box, b.box)]
    if len(across) < max(ACROSS_LEAST, ACROSS_SHARE * len(lines)):
        return lines
    middle = median(b.box[0] for _, b in across if b.box is not None) - 1.0
    ordered: list[Line] = []
    left: list[Line] = []
    right: list[Line] = []
    for line in lines:
        is_across = line.box is not None and line.box[0] < middle < line.box[2] - 2.0
        if is_across:  # the lines in the two columns above this line come first
            ordered += [*left, *right, line]
            left, right = [], []
        elif line.box is not None and line.box[0] >= middle:
            right.append(line)
        else:
            left.append(line)
    return [*ordered, *left, *right]


def _right_of(a: Box | None, b: Box | None) -> bool:
    return a is not None and b is not None and b[0] > a[2] and a[1] < b[3] and b[1] < a[3]


def cleaned(line: Line) -> Line:
    """Spells out ligatures and drops invisible characters. Each remaining character keeps its original position."""
    text, origins = line.text, line.origins
    broken = False
    if _NEEDS_CLEANING.search(text):
        made: list[str] = []
        kept: list[int] = []
        for character, origin in zip(text, origins, strict=True):
            if character in HYPHENS:
                broken = True
                continue
            spelled = "" if character in _DROPPED or character == "\0" else _LIGATURES.get(character, character)
            broken = (broken and character.isspace()) or (character == SOFT_HYPHEN)
            made.append(spelled)
            kept += [origin] * len(spelled)
        text, origins = "".join(made), kept
    stripped = text.rstrip()
    lead = len(stripped) - len(stripped.lstrip())
    text, origins = stripped[lead:], origins[lead : len(stripped)]
    normal = canonical(text)
    if len(normal) != len(text) and text:  # normalisation changed the number of characters but not their order
        origins = [origins[min(i * len(text) // max(1, len(normal)), len(text) - 1)] for i in range(len(normal))]
    return replace(line, text=normal, origins=origins, broken=broken)


def with_paragraphs(lines: list[Line]) -> list[Line]:
    """Marks the lines that start a paragraph, and drops empty lines.

    A line starts a paragraph if it follows an unusually large gap, or begins a new column after a complete sentence. The
    gaps between the rows of a table are larger.
    """
    tabular = [len(line.cells) >= _LEAST_CELLS or _labels_row(lines, n) for n, line in enumerate(lines)]
    steps = [a.box[1] - b.box[1] for a, b in pairwise(lines) if a.box and b.box and a.box[1] > b.box[1]]
    usual = median(steps) if steps else 0.0
    parted = lines[:1]
    for (before, line), are_rows in zip(pairwise(lines), map(all, pairwise(tabular)), strict=True):
        starts_paragraph = False
        if before.box and line.box:
            step, height = before.box[1] - line.box[1], max(before.box[3] - before.box[1], line.box[3] - line.box[1])
            over = step < -height  # whether the line is higher up than the previous one, in a new column or a text box
            gap = _TABLE_GAP * usual if are_rows else usual
            starts_paragraph = step > gap + _PARAGRAPH_GAP * height or (over and before.text.endswith(_SENTENCE_ENDS))
        parted.append(replace(line, starts_paragraph=starts_paragraph))
    return [line for line in parted if line.text]


def _labels_row(lines: Sequence[Line], n: int) -> bool:
    """Whether a line labels one of the next rows of a table, which are below it."""
    return any(_is_label(lines[n], row) for row in lines[n + 1 : n + 1 + _MOST_LABELS])


def without_running_lines(pages: list[list[Line]]) -> list[list[Line]]:
    """Removes page numbers, and all but the first occurrence of each header and footer."""
    if len(pages) < _RUNNING_LEAST:
        return pages
    counts = Counter(text for page in pages for text in {running_key(line.text) for line in edges(page)})
    least = max(_RUNNING_LEAST, _RUNNING_SHARE * len(pages))
    running = {text for text, count in counts.items() if count >= least}
    kept, seen = [], set()
    for page in pages:
        at_edge = {id(line) for line in edges(page)}
        rest = []
        for line in page:
            key = running_key(line.text)
            if id(line) in at_edge and key in running:
                if key in seen or is_page_number(key):
                    continue
                seen.add(key)
            rest.append(line)
        kept.append(rest)
    return kept


def edges(page: Sequence[Line]) -> list[Line]:
    """Returns the lines at the top and at the bottom of a page."""
    placed = sorted((line for line in page if line.box), key=lambda line: -line.box[3] if line.box else 0.0)
    return [*placed[:_EDGE_LINES], *placed[max(_EDGE_LINES, len(placed) - _EDGE_LINES) :]]


def running_key(text: str) -> str:
    """Returns a line's text with its numbers replaced, so that a header has the same key on every page."""
    return re.sub(r"\d+|\b[ivxl]{1,6}\b", "#", " ".join(text.lower().split()))


def is_page_number(key: str) -> bool:
    """Whether a line, given by its running key, consists of nothing but a page number."""
    return bool(_PAGE_NUMBER.match(key))


def joined_pages(pages: Sequence[Sequence[Line]]) -> tuple[str, list[int]]:
    """Returns the text of all pages and each page's offset. A page break within a sentence does not end a paragraph."""
    parts: list[str] = []
    starts: list[int] = []
    at = 0
    for n, page in enumerate(pages):
        starts.append(at)
        for line, ending in with_endings(page, next((later[0] for later in pages[n + 1 :] if later), None)):
            parts += [line.text, ending]
            at += len(line.text) + len(ending)
    return "".join(parts).rstrip("\n"), starts


def with_endings(page: Sequence[Line], following: Line | None = None) -> Iterator[tuple[Line, str]]:
    """Yields each line together with the separator that follows it."""
    for n, line in enumerate(page):
        later = page[n + 1] if n + 1 < len(page) else following
        if line.broken and later is not None:
            yield line, ""
        elif n + 1 < len(page):
            yield line, "\n\n" if page[n + 1].starts_paragraph else "\n"
        else:
            goes_on = following is not None and following.text[:1].islower() and not line.text.endswith(_SENTENCE_ENDS)
            yield line, "\n" if goes_on else "\n\n"
