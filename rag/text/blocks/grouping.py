"""Joins blocks that belong together: items to lists with their lead-in, and questions to their answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from rag.records import Block
from rag.text.blocks import messages

_QUESTION_END = re.compile(r"(?:[?？؟]|(?<=[\u0370-\u03ff\u1f00-\u1fff]);)[\"'”’»)*_\]]*$")
_LABELLED = re.compile(
    r"(?:\*\*|__)?([^\W\d_]{1,10})[ ]?\d{0,3}[ ]?"
    r"(?:(?::(?:\*\*|__)?|(?:\*\*|__):|(?<=\b[^\W\d_])[.)]|(?<=\d)[.)])[ ]|(?:\*\*|__)?：(?:\*\*|__)?[ ]?)"
)
_LONGEST_QUESTION = 300  # code points
_LONGEST_LEAD_IN = 400
_FOOTNOTE_MARK = re.compile(r"[*†‡]{1,3}[ ]?(?=\w)|[¹²³⁴⁵⁶⁷⁸⁹⁰]{1,3}")
_MOST_MARKS = 20  # occurrences of a mark that are examined
_NEAR = 6_000  # code points above a footnote in which its mark is looked for


def grouped(text: str, leaves: Iterable[Block]) -> Iterator[Block]:
    """Yields the blocks, and before those that belong together the block that contains them.

    Args:
        text: The canonical text.
        leaves: Blocks that contain no others, in order.
    """
    every = list(_with_footnotes(text, leaves))
    found = [*messages.headers(text, every), (len(every), len(every))]
    yield from _joined(text, every[: found[0][0]])
    for (start, stop), (following, _) in pairwise(found):
        yield from _message(text, every[start:stop], every[stop:following])


def _message(text: str, header: Sequence[Block], blocks: Sequence[Block]) -> Iterator[Block]:
    yield messages.message(header, blocks)
    yield from map(messages.as_plain, header)
    yield from _joined(text, list(messages.body(text, header, [*map(messages.as_plain, blocks)])))


def _joined(text: str, every: Sequence[Block]) -> Iterator[Block]:
    """Yields lists and exchanges with the blocks that they contain, and the other blocks."""
    n = 0
    while n < len(every):
        stop = _list_end(text, every, n)
        if stop > n:
            yield from _list(text, every[n:stop])
            n = stop
            continue
        stop = _exchange_end(text, every, n)
        if stop > n:
            yield from _exchange(text, every[n:stop])
            n = stop
            continue
        yield every[n]
        n += 1


def _with_footnotes(text: str, leaves: Iterable[Block]) -> Iterator[Block]:
    """Yields the blocks, with those as footnotes whose mark stands behind a word or a figure shortly before."""
    for block in leaves:
        mark = _mark(text, block)
        if mark and _is_behind_word(mark, text[max(0, block.start - _NEAR) : block.start]):
            yield Block("footnote", block.start, block.end, number=mark)
        else:
            yield block


def _mark(text: str, block: Block) -> str:
    """Returns the mark that a block would have as a footnote; empty if it cannot be one."""
    if block.kind == "item" and block.number[:1] in ("(", "["):
        return block.number
    if block.kind in ("paragraph", "item", "pair") and not block.number:
        found = _FOOTNOTE_MARK.match(text, block.start, block.end)
        mark = found.group().strip() if found else ""
        return mark if text.count("*", block.start, block.end) == mark.count("*") else ""  # otherwise, it is emphasis
    return ""


def _is_behind_word(mark: str, before: str) -> bool:
    at = len(before)
    for _ in range(_MOST_MARKS):
        at = before.rfind(mark, 0, at)
        if at <= 0:
            return False
        line = before.rfind("\n", 0, at) + 1
        is_attached = before[at - 1].isalnum() or before[at - 1] in ")%°€£$" or before[at - 1] == " " != mark[0]
        follows = before[at + len(mark) : at + len(mark) + 2]
        ends_cell = not follows.strip() or follows.lstrip()[:1] in ",;.:|)]"
        is_mark = mark[0] not in "([*" or (mark[0] == "[" and before[at - 1] != " ") or ends_cell
        if is_attached and before[line:at].strip() and is_mark:
            return True
    return False


def _list_end(text: str, every: Sequence[Block], n: int) -> int:
    """Returns the index after the last item of the list that begins with a block; `n` if no list begins there."""
    stop = n
    if _is_lead_in(text, every[n]) and n + 1 < len(every) and every[n + 1].kind == "item":
        stop = n + 1
    elif every[n].kind != "item" or _is_question(text, every[n]):
        return n
    first = stop
    while stop < len(every) and every[stop].kind == "item" and not _is_question(text, every[stop]):
        stop += 1
    return stop if stop > first else n


def _is_lead_in(text: str, block: Block) -> bool:
    if block.kind != "paragraph" or block.end - block.start > _LONGEST_LEAD_IN:
        return False
    return text[block.start : block.end].rstrip("*_").endswith((":", "："))


def _list(text: str, blocks: Sequence[Block]) -> Iterator[Block]:
    yield Block("list", blocks[0].start, blocks[-1].end)
    if blocks[0].kind != "item":
        yield replace(blocks[0], kind="lead-in")
        blocks = blocks[1:]
    yield from _with_depth(text, blocks)


def _with_depth(text: str, items: Sequence[Block]) -> Iterator[Block]:
    """Yields items with their nesting depth: an item whose mark is of another kind than those above it is nested."""
    above: list[str] = []
    for item in items:
        style = _style(text, item)
        if style in above:
            del above[above.index(style) + 1 :]
        else:
            above.append(style)
        yield replace(item, level=len(above))


def _style(text: str, item: Block) -> str:
    """Returns the kind of an item's mark: for a bullet its indent, for a number its parts, brackets and kind of letters."""
    if not item.number:
        return f"{text[item.start]}{item.level}"
    last = item.number.strip("()[]").rpartition(".")[2]
    kind = "1" if last.isdigit() else "a" if last.islower() else "A"
    return f"{item.number.count('.')}{item.number[:1] if item.number[:1] in '([' else ''}{kind}"


def _is_question(text: str, block: Block) -> bool:
    if block.kind not in ("heading", "paragraph", "item", "pair") or block.end - block.start > _LONGEST_QUESTION:
        return False
    return _QUESTION_END.search(text, max(block.start, block.end - 8), block.end) is not None


def _exchange_end(text: str, every: Sequence[Block], n: int) -> int:
    """Returns the index after the answer to the question in a block; `n` if the block asks none, or nothing answers it."""
    if not _is_question(text, every[n]):
        return n
    stop = n + 1
    question, label = every[n], _label(text, every[n])
    while stop < len(every):
        block = every[stop]
        if block.kind == "heading" or _is_question(text, block):
            break
        if question.kind != "heading" and stop > n + 1 and not (label and not _label(text, block)):
            break
        if block.kind in ("message", "quotation", "entry"):
            break
        stop += 1
    is_question = question.kind == "heading" or bool(label) or _is_emphasised(text, question)
    return stop if stop > n + 1 and is_question else n


def _is_emphasised(text: str, block: Block) -> bool:
    words = text[block.start : block.end]
    return words.startswith(("**", "__")) or bool(block.number)


def _label(text: str, block: Block) -> str:
    """Returns the label of a question or an answer, such as "Q"; empty if there is none."""
    found = _LABELLED.match(text, block.start, block.end)
    return found.group(1) if found else ""


def _exchange(text: str, blocks: Sequence[Block]) -> Iterator[Block]:
    yield Block("exchange", blocks[0].start, blocks[-1].end)
    yield replace(blocks[0], kind="question", label_end=_labelled_end(text, blocks[0]))
    first, last = blocks[1], blocks[-1]
    yield Block("answer", first.start, last.end, label_end=_labelled_end(text, first))
    if len(blocks) > 2 or first.kind not in ("paragraph", "pair"):
        yield from _joined(text, blocks[1:])


def _labelled_end(text: str, block: Block) -> int:
    found = _LABELLED.match(text, block.start, block.end)
    return found.end() if found else 0
