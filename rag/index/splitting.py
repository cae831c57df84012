"""Cuts a document's text into passages, as exact offsets.

Whole sentences are packed, and of all ways to pack them the cheapest is taken: sizes near the wanted one, ends at the ends
of paragraphs and sections rather than inside them. LlamaIndex's SentenceSplitter fills each passage to the brim and cuts
where it is full; at equal recall this gives passages that hold less besides the answer (benchmarks/README.md), and offsets
need no search, since no text is ever rebuilt. `rag.integrations.llama_index` offers that splitter under the same port.
It embeds nothing.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rag.records import Passage
from rag.text.sentences import sentences

_WANTED = 0.64  # of the largest size allowed: what is aimed at
_CHARACTERS_A_TOKEN = 8  # a run of letters that the tokenizer knows as one token still fills a passage
_BLOCK = 200_000  # code points looked at together: bounds memory, whatever the document's length
# What it costs to end a passage there, against 1 for a size off by a factor e.
_COST_AT_LINE, _COST_AT_PARAGRAPH, _COST_IN_PARAGRAPH = 0.4, 0.3, 1.0

_HEADING = re.compile(r"(#{1,6})[ \t]+(.*)$")
_FENCE = re.compile(r"^ {0,3}(```|~~~)")
_BLANK_LINE = re.compile(r"\n[ \t]*\n")


@dataclass(frozen=True, slots=True)
class _Unit:
    """What is never cut: a sentence, or a part of one that is too long."""

    start: int
    end: int
    size: int  # in tokens


class SentencePacker:
    """Packs sentences into passages of at most `passage_tokens` tokens.

    Args:
        passage_tokens: The largest size, in the embedder's tokens.
        token_starts: Text → offset of each of its tokens, ascending, nothing truncated.
    """

    def __init__(self, passage_tokens: int, token_starts: Callable[[str], Sequence[int]]) -> None:
        self.name = f"sentences-{passage_tokens}"
        self._largest = passage_tokens
        self._token_starts = token_starts

    def split(self, text: str, markdown: bool) -> Iterator[Passage]:
        """Yields the passages in order; together they hold every character that is not white space.

        Args:
            text: The canonical text.
            markdown: Whether lines that begin with `#` are headings.
        """
        for start, end, heading in _sections(text) if markdown else [(0, len(text), "")]:
            for block_start, block_end in _blocks(text, start, end):
                units = self._units(text, block_start, block_end)
                for first, last in _pack(text, units, self._largest):
                    yield Passage(units[first].start, units[last].end, heading)

    def _units(self, text: str, start: int, end: int) -> list[_Unit]:
        tokens = self._token_starts(text[start:end])
        units = []
        for a, b in sentences(text, start, end):
            low, high = bisect_left(tokens, a - start), bisect_left(tokens, b - start)
            size = max(high - low, math.ceil((b - a) / _CHARACTERS_A_TOKEN), 1)
            if size <= self._largest:
                units.append(_Unit(a, b, size))
            else:
                units.extend(self._parts(text, a, b, size))
        return units

    def _parts(self, text: str, start: int, end: int, size: int) -> Iterator[_Unit]:
        """Cuts a sentence that is too long into parts of equal length, at spaces where there are any."""
        count = math.ceil(size / self._largest * 1.25)  # spare room, for tokens are not spread evenly
        step = math.ceil((end - start) / count)
        while start < end:
            cut = min(end, start + step)
            if cut < end:
                space = max(text.rfind(" ", start + step // 2, cut), text.rfind("\n", start + step // 2, cut))
                cut = space + 1 if space > 0 else cut
            piece = text[start:cut]
            stripped = piece.strip()
            if stripped:
                a = start + len(piece) - len(piece.lstrip())
                tokens = max(len(self._token_starts(stripped)), math.ceil(len(stripped) / _CHARACTERS_A_TOKEN))
                if tokens > self._largest and len(stripped) > 1:
                    yield from self._parts(text, a, a + len(stripped), tokens)
                else:
                    yield _Unit(a, a + len(stripped), tokens)
            start = cut


def _pack(text: str, units: Sequence[_Unit], largest: int) -> list[tuple[int, int]]:
    """Chooses the cheapest packing: (first, last) unit of each passage. Dynamic programming over where passages end."""
    wanted = largest * _WANTED
    ends = [_cost_of_end(text, units[i].end, units[i + 1].start) for i in range(len(units) - 1)] + [0.0]
    cost, begin = [0.0], []  # of packing the first i units; where the last passage of that packing begins
    for last in range(len(units)):
        size, best, first_of_best = 0, math.inf, last
        for first in range(last, -1, -1):
            size += units[first].size
            if size > largest and first < last:
                break
            here = cost[first] + math.log(size / wanted) ** 2
            if here < best:
                best, first_of_best = here, first
        cost.append(best + ends[last])
        begin.append(first_of_best)
    packed = []
    last = len(units) - 1
    while last >= 0:
        packed.append((begin[last], last))
        last = begin[last] - 1
    return packed[::-1]


def _cost_of_end(text: str, end: int, following: int) -> float:
    breaks = text.count("\n", end, following)
    return _COST_AT_PARAGRAPH if breaks > 1 else _COST_AT_LINE if breaks else _COST_IN_PARAGRAPH


def _sections(text: str) -> Iterator[tuple[int, int, str]]:
    """Cuts Markdown before each heading: (start, end, path of headings). Headings inside fenced code are code."""
    path: list[tuple[int, str]] = []  # (level, words) of the headings in force
    begin, position, fenced, has_words = 0, 0, "", False
    for line in text.split("\n"):
        fence = _FENCE.match(line)
        heading = None if fenced else _HEADING.match(line)
        if fence and fenced in ("", fence.group(1)):
            fenced = "" if fenced else fence.group(1)
        elif heading:
            # A heading right below another stays with it: a section needs words of its own.
            if has_words:
                yield begin, position, _joined(path)
                begin, has_words = position, False
            level = len(heading.group(1))
            path = [p for p in path if p[0] < level] + [(level, heading.group(2).strip().rstrip("#").rstrip())]
        has_words = has_words or (not heading and bool(line.strip()))
        position += len(line) + 1
    yield begin, len(text), _joined(path)


def _joined(path: Sequence[tuple[int, str]]) -> str:
    return " › ".join(words for _, words in path if words)


def _blocks(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Cuts a long text into pieces to be packed one by one, after a blank line, else a line, else anywhere."""
    while end - start > _BLOCK:
        limit = start + _BLOCK
        cut = max((m.end() for m in _BLANK_LINE.finditer(text, limit - _BLOCK // 10, limit)), default=0)
        cut = cut or text.rfind("\n", start + _BLOCK // 2, limit) + 1 or text.rfind(" ", start + _BLOCK // 2, limit) + 1
        cut = cut or limit
        yield start, cut
        start = cut
    yield start, end
