"""Splits a document's text into passages of whole sentences, and records each passage's exact offsets.

The sentences are grouped so that the total cost of the passages is as low as possible: a passage costs least if it is near
the target size and ends with a paragraph or section. LlamaIndex's SentenceSplitter, in contrast, fills each passage up to
the limit. At equal recall, grouping by cost gives passages with less text that is irrelevant to the answer (see
benchmarks/README.md). Passages are slices of the text, so their offsets are known. `rag.integrations.llama_index` provides
LlamaIndex's splitter with the same interface.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from rag.ports import Splitter
from rag.records import Block, Passage
from rag.text.blocks import quotations
from rag.text.markdown import heading
from rag.text.sentences import sentences

_TARGET = 0.64  # target size, as a share of the maximum size
_CHARACTERS_A_TOKEN = 8  # every 8 characters count as at least one token, because a long run of letters may be one token
_BLOCK = 200_000  # maximum number of code points packed together, to limit memory use for long documents
# Costs of ending a passage in these positions. For comparison, a size that misses the target by a factor of e costs 1.
_COST_AT_LINE, _COST_AT_PARAGRAPH, _COST_IN_PARAGRAPH = 0.4, 0.3, 1.0

_FENCE = re.compile(r"^ {0,3}(```|~~~)")
_MAX_HEADING = 200  # code points kept of each heading; the headings above a passage are stored with it
_SHORT_SECTION = 800  # if the sections of a long text are shorter than this on average, they are joined up to this size
_FEW_CHARACTERS = 100_000
_BLANK_LINE = re.compile(r"\n[ \t]*\n")


@dataclass(frozen=True, slots=True)
class _Unit:
    """A span of text that is never split: a sentence, or a part of a sentence that is too long for one passage."""

    start: int
    end: int
    size: int  # in tokens


def passages_of(splitter: Splitter, text: str, blocks: Sequence[Block], markdown: bool) -> Iterator[Passage]:
    """Yields a document's passages in order.

    In a mail, no passage contains words of several people: what is quoted is split separately, and what repeats another
    message of the mailbox is left out.
    """
    if markdown or not blocks or blocks[0].kind != "message":
        yield from splitter.split(text, markdown)
        return
    for start, end in _messages(text, blocks):
        for passage in splitter.split(text[start:end], markdown):
            yield replace(passage, start=passage.start + start, end=passage.end + start)


def _messages(text: str, blocks: Sequence[Block]) -> Iterator[tuple[int, int]]:
    """Yields the spans of a mail that are searched: its own words, and quotations of what is not in the mailbox."""
    at = 0
    for index, start, end in quotations(blocks):
        yield at, start
        if not blocks[index].number:
            yield start, end
        at = end
    yield at, len(text)


class SentencePacker:
    """Packs sentences into passages of at most `passage_tokens` tokens.

    Args:
        passage_tokens: Maximum passage size, in the embedder's tokens.
        token_starts: Function that returns the offset of each token in a text, in ascending order. It must not truncate
            the text.
    """

    def __init__(self, passage_tokens: int, token_starts: Callable[[str], Sequence[int]]) -> None:
        self.name = f"sentences-{passage_tokens}-2"  # the number at the end grows when sentences end elsewhere
        self._largest = passage_tokens
        self._token_starts = token_starts

    def split(self, text: str, markdown: bool) -> Iterator[Passage]:
        """Yields the passages in order; together they contain every character that is not whitespace.

        Args:
            text: The canonical text.
            markdown: Whether lines that begin with `#` are headings.
        """
        for start, end, path in _grouped_sections(text) if markdown else [(0, len(text), "")]:
            for block_start, block_end in _blocks(text, start, end):
                units = self._units(text, block_start, block_end)
                for first, last in _pack(text, units, self._largest):
                    yield Passage(units[first].start, units[last].end, path)

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
        """Splits a sentence that is too long into parts of about equal length, at spaces where possible."""
        count = math.ceil(size / self._largest * 1.25)  # 25% extra, because tokens are not evenly distributed
        step = math.ceil((end - start) / count)
        while start < end:
            stop = min(end, start + step)
            if stop < end:
                space = max(text.rfind(" ", start + step // 2, stop), text.rfind("\n", start + step // 2, stop))
                stop = space + 1 if space > 0 else stop
            piece = text[start:stop]
            stripped = piece.strip()
            if stripped:
                a = start + len(piece) - len(piece.lstrip())
                tokens = max(len(self._token_starts(stripped)), math.ceil(len(stripped) / _CHARACTERS_A_TOKEN))
                if tokens > self._largest and len(stripped) > 1:
                    yield from self._parts(text, a, a + len(stripped), tokens)
                else:
                    yield _Unit(a, a + len(stripped), tokens)
            start = stop


def _pack(text: str, units: Sequence[_Unit], largest: int) -> list[tuple[int, int]]:
    """Finds the cheapest packing by dynamic programming. Returns the indexes of each passage's first and last unit."""
    largest_unit = max((unit.size for unit in units), default=0)
    target = largest * _TARGET
    costs = [math.log(max(size, 1) / target) ** 2 for size in range(max(largest, largest_unit) + 1)]  # by size
    ends = [_cost_of_end(text, units[i].end, units[i + 1].start) for i in range(len(units) - 1)] + [0.0]
    cost = [0.0]  # element i: cost of packing the first i units
    begin = []  # element i: first unit of the passage that ends with unit i, in the cheapest packing
    for last in range(len(units)):
        size, best, first_of_best = 0, math.inf, last
        for first in range(last, -1, -1):
            size += units[first].size
            if size > largest and first < last:
                break
            here = cost[first] + costs[size]
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
    """Yields (start, end, path of headings) for each section in Markdown text. Headings in fenced code are ignored."""
    path: list[tuple[int, str]] = []  # (level, text) of the enclosing headings
    begin, position, fenced, has_words = 0, 0, "", False
    for line in _lines(text):
        fence = _FENCE.match(line)
        found = None if fenced else heading(line)
        if fence and fenced in ("", fence.group(1)):
            fenced = "" if fenced else fence.group(1)
        elif found:
            # Consecutive headings belong to the same section, because every section needs some text.
            if has_words:
                yield begin, position, _joined(path)
                begin, has_words = position, False
            path = [enclosing for enclosing in path if enclosing[0] < found[0]] + [found]
        has_words = has_words or (not found and bool(line.strip()))
        position += len(line) + 1
    yield begin, len(text), _joined(path)


def _lines(text: str) -> Iterator[str]:
    """Yields the lines one by one, because a list of them could take many times the text's memory."""
    start = 0
    while (end := text.find("\n", start)) >= 0:
        yield text[start:end]
        start = end + 1
    yield text[start:]


def _joined(path: Sequence[tuple[int, str]]) -> str:
    return " › ".join(words[:_MAX_HEADING] for _, words in path if words)


def _grouped_sections(text: str) -> Iterator[tuple[int, int, str]]:
    """Like `_sections`, but joins sections if a long text consists of very short ones.

    Passages never span sections, so an index could otherwise become a thousand times as large as the text.
    """
    if len(text) <= _FEW_CHARACTERS or sum(1 for _ in _sections(text)) * _SHORT_SECTION <= len(text):
        yield from _sections(text)
        return
    begin, path = 0, ""
    for _, end, path_here in _sections(text):
        path = path or path_here
        if end - begin >= _SHORT_SECTION:
            yield begin, end, path
            begin, path = end, ""
    if begin < len(text):
        yield begin, len(text), path


def _blocks(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Splits a long text into blocks and yields the start and end of each block.

    A block ends after a blank line if possible. Otherwise, it ends after a line break or a space, or at the size limit.
    """
    while end - start > _BLOCK:
        limit = start + _BLOCK
        stop = max((m.end() for m in _BLANK_LINE.finditer(text, limit - _BLOCK // 10, limit)), default=0)
        stop = stop or text.rfind("\n", start + _BLOCK // 2, limit) + 1 or text.rfind(" ", start + _BLOCK // 2, limit) + 1
        stop = stop or limit
        yield start, stop
        start = stop
    yield start, end
