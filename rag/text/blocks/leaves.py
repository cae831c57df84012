"""Recognises the parts of a text by its layout: headings, paragraphs, list items, tables, labelled lines and quotations.

The rules look at the shape of lines, such as marks, indents, capitals and punctuation, and not at words of a language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from rag.records import Block, BlockKind
from rag.text.blocks import columns
from rag.text.blocks.headings import Place, heading_level, number_of
from rag.text.blocks.lines import Group, Line, groups
from rag.text.blocks.marks import SENTENCE_END, Marks, label_end, mark_of, run_in_end
from rag.text.markdown import heading

_BOLD = re.compile(r"(\*\*|__)(?=\S)[^\n]+?\1[:.]?$")
_BOLD_START = re.compile(r"(\*\*|__)(?=\S)(?:(?!\1).){1,100}\1[:.]?(?=[ ])")
_QUESTION = re.compile(r".*[?？؟][\"'”’»)*_]*$")
_BOLD_LEVEL = 4
_CAPTION = re.compile(r"[^\W\d_]{3,12}\.?[ ]\d{1,3}(?:\.\d{1,3})?(?:[.:–][ ]|$)")
_LONGEST_CAPTION = 200  # code points
_FOOTNOTE = re.compile(r"[¹²³⁴⁵⁶⁷⁸⁹⁰†‡§]|\*+\w")
_WRAPPED = 0.66  # a line shorter than this share of the width at which lines are broken ends a paragraph
_LEAST_WRAPPED = 0.5  # a line shorter than this share of the width is never broken
_UNWRAPPED, _NARROW = 120, 50  # code points; longer lines are whole paragraphs, and shorter lines are not broken
_LONG_VALUE, _SHORT_VALUE = 400, 120  # code points; a longer value is a paragraph, always or if no label is beside it
_INNER_STOP = re.compile(r"[.!?][ ]+(?=[^\W\d_a-z])")
_SAMPLE = 50_000  # code points in which the width of the lines is measured


def leaves(text: str, markdown: bool, *, is_whole: bool = True) -> Iterator[Block]:
    """Yields the blocks of a text that contain no others, in order. Lines that only separate others are in none.

    Args:
        text: The canonical text.
        markdown: Whether the text is Markdown.
        is_whole: Whether the text is a whole document, so that its first line may be its title.
    """
    yield from _Leaves(text, markdown, is_whole).found()


class _Leaves:
    """The blocks of one text."""

    def __init__(self, text: str, markdown: bool, is_whole: bool) -> None:
        self._text = text
        self._is_whole = is_whole
        self._markdown = markdown
        lines = (line for group in groups(text, markdown) if not group.is_code for line in group.lines)
        self._marks = Marks(lines, markdown)
        self._width = _wrapped_width(text)
        self._after_heading = False

    def found(self) -> Iterator[Block]:
        """Yields the blocks."""
        before: Group | None = None
        every = groups(self._text, self._markdown)
        group = next(every, None)
        while group is not None:
            following = next(every, None)
            if group.is_code:
                yield _block("code", group.lines)
            elif self._markdown and before is None and group.lines[0].text == "---":
                yield from (self._pair([line]) or _block("paragraph", [line]) for line in group.lines if not line.is_rule)
            else:
                yield from self._of_group(group.lines, before, following)
            before, group = group, following

    def _of_group(self, lines: Sequence[Line], before: Group | None, following: Group | None) -> Iterator[Block]:
        n = 0
        while n < len(lines):
            place = Place(lines, n, before, following, self._after_heading, self._is_title(lines, n, before))
            stop = 0 if lines[n].is_rule else self._table_end(place)
            level = 0 if lines[n].is_rule or stop else self._heading_level(place)
            self._after_heading = level > 0
            if lines[n].is_rule:
                n += 1
            elif stop:
                yield from self._table(lines[n:stop])
                n = stop
            elif level:
                yield self._heading(lines[n], level)
                n += 1
            else:
                block, n = self._other(lines, n)
                yield block

    def _other(self, lines: Sequence[Line], n: int) -> tuple[Block, int]:
        """Returns the quotation, item, entry, pair or paragraph that begins with a line, and the index after its end."""
        line = lines[n]
        if line.is_quoted:
            stop = next((m for m in range(n, len(lines)) if not lines[m].is_quoted), len(lines))
            return _block("quotation", lines[n:stop]), stop
        if mark := self._marks.of(line):
            stop = self._item_end(lines, n)
            return self._item(lines[n:stop], mark.number, mark.width), stop
        if label := self._marks.entry_end(line):
            stop = self._entry_end(lines, n)
            return _block("entry", lines[n:stop], label), stop
        if len(line.text) <= _LONGEST_CAPTION and _CAPTION.match(line.text):
            return _block("caption", lines[n : n + 1]), n + 1
        stop = self._pair_end(lines, n)
        if pair := self._pair(lines[n:stop], lines[n - 1 : n], lines[stop : stop + 1]):
            return pair, stop
        stop = self._paragraph_end(lines, n)
        return self._paragraph(lines[n:stop]), stop

    # -- headings

    def _is_title(self, lines: Sequence[Line], n: int, before: Group | None) -> bool:
        """Whether the first line of a whole document stands for itself, although others follow without a blank line."""
        if not self._is_whole or before is not None or n > 0 or len(lines) < 2:
            return False
        is_broken = self._width > 0 and len(lines[0].text) >= _WRAPPED * self._width
        following = lines[1].text[:1]
        return not is_broken and not following.islower() and not following.isdigit()

    def _heading_level(self, place: Place) -> int:
        if not self._markdown:
            return heading_level(place, self._marks)
        if marked := heading(place.line.text):
            return marked[0]
        return _BOLD_LEVEL if place.is_first and _BOLD.match(place.line.text) else 0

    def _heading(self, line: Line, level: int) -> Block:
        marked = heading(line.text) if self._markdown else None
        words = marked[1] if marked else line.text
        mark = mark_of(words)
        return Block("heading", line.start, line.end, level=level, number=mark.number if mark else number_of(words))

    # -- tables

    def _table_end(self, place: Place) -> int:
        """Returns the index after the last line of the table that begins with a line; 0 if there is none."""
        lines, n = place.lines, place.n
        if not columns.begins_table(lines, n):
            return 0
        if not columns.is_bar_row(lines[n]):
            mark = self._marks.of(lines[n])
            is_item = mark is not None and columns.gap_end(lines[n].text[mark.width :]) == 0
            if is_item and mark is not None and (mark.depth < 2 or all(map(self._marks.of, lines[n : n + 2]))):
                return 0
            is_letterhead = place.before is None and n == 0
            if is_letterhead and columns.header_lines(columns.rows(lines[: columns.table_end(lines, n)])) == 0:
                return 0
        return columns.table_end(lines, n)

    def _table(self, lines: Sequence[Line]) -> Iterator[Block]:
        rows = columns.rows(lines)
        if not rows:  # only lines that separate others
            return
        barred = columns.is_bar_row(lines[0])
        header = columns.header_lines(rows, barred=barred)
        if not barred and max(map(len, rows)) == 2 and header == 0:
            yield from _pairs_in_columns(lines)
            return
        ruling = next((n for n, line in enumerate(lines) if columns.is_ruling(line.text)), 0)
        yield Block("table", lines[0].start, lines[-1].end, level=ruling if 0 < ruling < len(lines) - 1 else header)

    # -- items, entries, pairs and paragraphs

    def _item_end(self, lines: Sequence[Line], n: int) -> int:
        stop = n + 1
        if self._is_question(lines[n]):
            return stop
        while stop < len(lines) and not self._begins_block(lines, stop):
            line, above = lines[stop], lines[stop - 1]
            hangs = line.indent > lines[n].indent
            is_full = self._width > 0 and above.indent + len(above.text) >= _WRAPPED * self._width
            continues = line.text[:1].islower() or (is_full and not above.text.endswith(SENTENCE_END))
            if not hangs and not continues:
                break
            stop += 1
        return stop

    def _item(self, lines: Sequence[Line], number: str, width: int) -> Block:
        start, end = lines[0].start, lines[-1].end
        words = self._text[start + width : end]
        label = run_in_end(words) or label_end(words)
        label_stop = start + width + label if 0 < label < len(words) else 0
        return Block("item", start, end, level=lines[0].indent + 1, number=number, label_end=label_stop)

    def _entry_end(self, lines: Sequence[Line], n: int) -> int:
        stop = n + 1
        while stop < len(lines) and not self._marks.entry_end(lines[stop]) and not columns.begins_table(lines, stop):
            stop += 1
        return stop

    def _pair_end(self, lines: Sequence[Line], n: int) -> int:
        stop = n + 1
        while stop < len(lines) and lines[stop].indent > lines[n].indent and not self._begins_block(lines, stop):
            if label_end(lines[stop].text):
                break
            stop += 1
        return stop

    def _pair(self, lines: Sequence[Line], above: Sequence[Line] = (), below: Sequence[Line] = ()) -> Block | None:
        """Returns the pair on lines such as "Due: 12 May"; None if there is none.

        Several sentences after a label are a paragraph, unless the line above or below is labelled, too.
        """
        line = lines[0]
        if end := columns.leader_end(line.text):
            return _block("pair", lines, end)
        end, value = label_end(line.text), lines[-1].end - line.start
        if not end or end == value or value - end > _LONG_VALUE:
            return None
        is_short = value - end <= _SHORT_VALUE and not _INNER_STOP.search(line.text, end)
        is_among = any(0 < label_end(other.text) < len(other.text) for other in (*above, *below))
        return _block("pair", lines, end) if is_short or is_among else None

    def _paragraph_end(self, lines: Sequence[Line], n: int) -> int:
        stop, widest = n + 1, len(lines[n].text)
        if self._is_question(lines[n]):
            return stop
        while stop < len(lines) and not self._begins_block(lines, stop):
            line, above = lines[stop], lines[stop - 1]
            if self._marks.entry_end(line) or self._pair([line]) or _FOOTNOTE.match(line.text):
                break
            widest = max(widest, len(above.text))
            is_broken = self._width > 0 and len(above.text) >= max(_WRAPPED * widest, _LEAST_WRAPPED * self._width)
            if not self._markdown and not is_broken and not line.text[:1].islower():
                break
            stop += 1
        return stop

    def _paragraph(self, lines: Sequence[Line]) -> Block:
        first = lines[0].text
        bold = _BOLD_START.match(first) if self._markdown else None
        end = bold.end() if bold else run_in_end(first) or (label_end(first) if label_end(first) < len(first) else 0)
        return _block("paragraph", lines, end)

    def _is_question(self, line: Line) -> bool:
        """Whether a line asks a question and ends before the width at which lines are broken."""
        return len(line.text) < _WRAPPED * (self._width or _UNWRAPPED) and _QUESTION.match(line.text) is not None

    def _begins_block(self, lines: Sequence[Line], n: int) -> bool:
        """Whether a line begins a block, whatever precedes it."""
        line = lines[n]
        if line.is_rule or line.is_quoted or self._marks.of(line) is not None or columns.begins_table(lines, n):
            return True
        return self._markdown and heading(line.text) is not None


def _block(kind: BlockKind, lines: Sequence[Line], label: int = 0) -> Block:
    """Returns a block of whole lines. `label` is the length of the label at its start."""
    return Block(kind, lines[0].start, lines[-1].end, label_end=lines[0].start + label if label else 0)


def _pairs_in_columns(lines: Sequence[Line]) -> Iterator[Block]:
    """Yields a pair for each line of two columns; a line with one cell continues the pair above it."""
    pending: list[Line] = []
    for line in lines:
        if pending and columns.gap_end(line.text):
            yield _block("pair", pending, columns.gap_end(pending[0].text))
            pending = []
        pending.append(line)
    yield _block("pair", pending, columns.gap_end(pending[0].text))


def _wrapped_width(text: str) -> int:
    """Returns the width at which paragraphs are broken into lines; 0 if each paragraph is one line."""
    sample = [len(line) for line in text[:_SAMPLE].split("\n") if line.strip()]
    long = sum(length > _UNWRAPPED for length in sample)
    full = sorted(length for length, following in pairwise(sample) if _NARROW <= length <= _UNWRAPPED and following)
    return full[int(len(full) * 0.9)] if len(full) > 2 * long else 0
