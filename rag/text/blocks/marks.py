"""Recognises the bullets, numbers and labels with which lines begin."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rag.text.blocks.lines import Line

SENTENCE_END = (".", "!", "…", ",", ";", "。", "！", "，", "；", "।")
_BULLET = re.compile(r"(?:[-*+•‣▪●○◦·–—➢✓✔☐☑][ \t]+|o[ \t]{2,})(?=\S)")
# "3.1" and "3)" but not "3": a number of one part needs a stop or a bracket behind it. "(408) 996" is a telephone number.
_NUMBER = re.compile(
    r"(?:(?P<deep>\d{1,3}(?:\.\d{1,3}){1,4}\.?)|(?P<plain>\d{1,3}|[A-Za-z]|[ivxlcIVXLC]{1,6})[.)]"
    r"|[(\[](?P<bracketed>\d{1,2}|[A-Za-z]|[ivxlcIVXLC]{1,6}|\d{3}(?=.[ \t]+\D))[)\]])[ \t]+(?=\S)"
    r"|(?P<spaced>\d{1,3})[ \t]{2,}(?=[^\W\d])"
)
_ROMAN = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii", "xiii", "xiv", "xv")
_LABEL = re.compile(
    r"(?:\*\*|__)?([^\W_][^\n:：|=?!]{0,60}?)(?:\*\*|__)?[ \t]?[:：](?:\*\*|__)?(?=[ \t]|$)"
    r"|([^\W_a-zA-Z][^\n:：|=?!，。、；\s]{1,9}|[问答問])：(?=\S)"  # in scripts without spaces
)
_LABEL_WORDS = 6
_RUN_IN = re.compile(r"[^\W\d_][^.!?:\n]{0,50}[^\W\d_]{3}\.(?=[ ][^\W\d_])")
_RUN_IN_WORDS = 4
_SPEAKER = re.compile(r"([^\W_][^\n:：.!?]{0,40}?)[ ]?(?:\([^()\n]{1,40}\))?[ ]?[:：][ \t]+(?=\S)")
_STAMP = re.compile(
    r"\[?(?:\d{1,4}[-./]\d{1,2}[-./]\d{1,4},?[T ])?\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d+)?(?:[ ]?[ap]m)?(?:Z|[+-]\d\d:?\d\d)?"
    r"\]?(?:[ ]?[-–—])?[ ]?",
    re.IGNORECASE,
)
_MOSTLY = 0.6


@dataclass(frozen=True, slots=True)
class Mark:
    """The bullet or the number with which a list item, a clause or a heading begins.

    Attributes:
        number: The number as printed, without a stop at its end: "3.1", "(b)", "4"; empty for a bullet.
        width: Number of characters up to the words.
        depth: Number of the number's parts; 0 for a bullet.
    """

    number: str
    width: int
    depth: int

    def precedes(self, other: Mark) -> bool:
        """Whether another mark is the next one in the same list."""
        before, _, last = self.number.strip("()[]").rpartition(".")
        other_before, _, other_last = other.number.strip("()[]").rpartition(".")
        if self.depth != other.depth or before != other_before:
            return False
        return self.depth == 0 or other_last in _neighbours(last)


def mark_of(text: str) -> Mark | None:
    """Returns the mark at the start of a line; None if there is none.

    Example:
        >>> mark_of("2.1 Dust extraction."), mark_of("3 chairs")
        (Mark(number='2.1', width=4, depth=2), None)
    """
    if found := _BULLET.match(text):
        return Mark("", found.end(), 0)
    if not (found := _NUMBER.match(text)):
        return None
    number = found.group().strip()
    if found["deep"]:
        return Mark(number.rstrip("."), found.end(), number.rstrip(".").count(".") + 1)
    return Mark(number if found["bracketed"] else number.rstrip(".)"), found.end(), 1)


def label_end(line: str) -> int:
    """Returns where the label at the start of a line ends; 0 if there is none.

    Example:
        >>> label_end("Total due: 40 euros"), label_end("He said the following words to them: go")
        (10, 0)
    """
    found = _LABEL.match(line)
    if not found:
        return 0
    label = found[1] or found[2]
    return 0 if len(label.split()) > _LABEL_WORDS or label.endswith(".") else found.end()


def run_in_end(words: str) -> int:
    """Returns where the run-in heading of a clause ends, as in "Pets. No pets are allowed."; 0 if there is none."""
    found = _RUN_IN.match(words)
    if not found:
        return 0
    return found.end() if len(found.group().split()) <= _RUN_IN_WORDS or is_capitals(found.group()) else 0


def is_capitals(words: str) -> bool:
    """Whether words are written in capitals, apart from a few such as the "b" in "PART 2 b"."""
    letters = [c for c in words if c.isupper() or c.islower()]
    return len(letters) > 1 and sum(map(str.isupper, letters)) >= 0.8 * len(letters)


class Marks:
    """The marks and the speakers of one text. Some are recognised only because they occur several times.

    Args:
        lines: The lines of the text.
        markdown: Whether the text is Markdown, in which any number with a stop begins an item.
    """

    def __init__(self, lines: Iterable[Line], markdown: bool) -> None:
        self._markdown = markdown
        numbers: set[str] = set()
        said: dict[str, list[bool]] = {}
        for line in lines:
            mark = mark_of(line.text)
            if mark is not None and _is_doubtful(mark):
                numbers.add(mark.number)
            if found := _SPEAKER.match(line.text):
                said.setdefault(found.group(1), []).append(line.text.endswith((".", "?", "!", "…", "。", "？", "！")))
        self._numbers = {number for number in numbers if any(other in numbers for other in _neighbours(number))}
        self._speakers = _speakers(said)

    def of(self, line: Line) -> Mark | None:
        """Returns a line's mark; None if it has none.

        A number or letter such as "3." or "A." is a mark only if the text also has one before or after it, because a year
        or a name may begin in the same way.
        """
        mark = mark_of(line.text)
        if mark is None or not _is_doubtful(mark) or mark.number in self._numbers:
            return mark
        return mark if self._markdown and mark.number.isdigit() else None

    def entry_end(self, line: Line) -> int:
        """Returns where the time or the speaker at the start of a line ends, as in a log or a transcript; 0 if none."""
        stamp = _STAMP.match(line.text)
        begin = stamp.end() if stamp else 0
        speaker = _SPEAKER.match(line.text, begin)
        if stamp:
            return speaker.end() if speaker else begin if begin < len(line.text) else 0
        return speaker.end() if speaker and speaker.group(1) in self._speakers else 0


def _is_doubtful(mark: Mark) -> bool:
    return mark.depth == 1 and mark.number[:1] not in "(["


def _neighbours(number: str) -> Iterator[str]:
    """Yields the numbers or letters before and after one."""
    if number.isdigit():
        yield from (str(int(number) - 1), str(int(number) + 1))
        return
    if len(number) == 1:
        yield from (chr(ord(number) - 1), chr(ord(number) + 1))
    roman = _ROMAN if number.islower() else tuple(map(str.upper, _ROMAN))
    if number in roman:
        at = roman.index(number)
        yield from (*roman[max(0, at - 1) : at], *roman[at + 1 : at + 2])


def _speakers(said: dict[str, list[bool]]) -> frozenset[str]:
    """Returns those who speak in a transcript; empty if the text is none.

    Args:
        said: For each label, whether each of its lines ends like a sentence.
    """
    recurring = {label: ends for label, ends in said.items() if len(ends) > 1}
    ends = [end for each in recurring.values() for end in each]
    is_transcript = len(recurring) > 1 and len(ends) >= 4 and sum(ends) >= _MOSTLY * len(ends)
    if not is_transcript or all(len(label) <= 2 for label in recurring):  # "Q:" and "A:"
        return frozenset()
    capitals = all(map(is_capitals, recurring))
    return frozenset(label for label in said if label in recurring or (capitals and is_capitals(label)))
