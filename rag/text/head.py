"""Reads off the top of a document whom or what it is about, its version and its date.

The names are those that a reader would use for the document: the parties of a contract, a customer, a product. They are
recognised by their capitals or by the labels that they stand behind, in any language that has capitals or labels.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass

from rag.records import Block
from rag.text.blocks import CONTAINERS
from rag.text.written_dates import written_dates

_MOST_BLOCKS, _MOST_CHARACTERS = 14, 1_500  # of a document that are its head
_MOST_NAMES, _LONGEST_NAME, _MOST_WORDS = 8, 60, 6
_SAMPLE = 50_000  # code points in which words in small letters are looked for
_NO_WORDS = ("table", "entry", "code", "quotation", "signature", "footnote", "question")
_VERSION = re.compile(
    r"\b(?P<word>version|revision|rev|issue|edition|release|ver|v|versión|versione|versão|versie|fassung|ausgabe|édition|edición"
    r"|wersja|версия|редакция)\b\.?[ ]?(?:no\.?[ ]?)?[:#]?[ ]?(?P<number>"
    r"(?:\d{1,4}(?:\.\d{1,4}){0,3}[a-z]?|(?-i:[A-Z]))\b)(?![/%])(?P<goes_on>(?-i:[ ][a-z]))?",
    re.IGNORECASE,
)
_OTHER_MEANINGS = ("issue", "release", "v")
_ORDINAL_EDITION = re.compile(
    r"\b(\d{1,3})(?:st|nd|rd|th|\.)[ ](?:edition|revision|version|issue|Auflage|Ausgabe)\b", re.IGNORECASE
)
_NOT_ITS_DATE = re.compile(
    r"©|\bcopyright\b|\bborn\b|\bbirth|\bDOB\b|\bgeb(?:oren|\.)|\bné[e]?\b|\bnacid|\bnat[oa] il", re.IGNORECASE
)
_YEARS_APART = 15  # a date that is so much earlier than another one in the head is a date of birth, or of a foundation
_WORD = re.compile(r"[^\W_](?:[\w’'&.+/-]*[\w+])?")
_JOINING = frozenset("of the de la le du des del della di da do dos van von der den af och & y e".split())
_MARK = re.compile(r"[A-Z]\d{0,2}")  # of an item, such as "A1"
_SENTENCE_ENDS = ("", "]", ")", ".", "!", "?", ":", "-", "*", "#", "|")
_ADDRESS = re.compile(r"[<(\[].*")


@dataclass(frozen=True, slots=True)
class Head:
    """What the top of a document says about it.

    Attributes:
        names: Whom or what it is about, in the order of the text.
        version: Its version, revision or edition, such as "2.1" or "B"; empty if there is none.
        date: Its date in ISO 8601 format (YYYY-MM or YYYY-MM-DD); empty if there is none.
    """

    names: tuple[str, ...]
    version: str
    date: str


def head_of(text: str, blocks: Sequence[Block], title: str) -> Head:
    """Reads a document's head.

    Args:
        text: The canonical text.
        blocks: Its blocks.
        title: Its title.
    """
    top = list(_top(blocks))
    words = [text[block.start : min(block.end, _MOST_CHARACTERS)] for block in top]
    return Head(
        names=tuple(_distinct(_names(text, top, title))),
        version=next((found for part in (title, *words) if (found := _version(part))), ""),
        date=_date(text, top),
    )


def _top(blocks: Sequence[Block]) -> Iterator[Block]:
    count = 0
    for block in blocks:
        if block.start >= _MOST_CHARACTERS or count >= _MOST_BLOCKS:
            return
        if block.kind not in CONTAINERS and block.kind not in _NO_WORDS:
            count += 1
            yield block


def _version(words: str) -> str:
    for found in _VERSION.finditer(words):
        number = found["number"]
        # "We issue a refund", "Smith v B" and "they release 3 products" speak of something else.
        if found["word"].lower() not in _OTHER_MEANINGS or "." in number or (number.isdigit() and not found["goes_on"]):
            return number
    ordinal = _ORDINAL_EDITION.search(words)
    return ordinal.group(1) if ordinal else ""


def _date(text: str, top: Sequence[Block]) -> str:
    found: list[str] = []
    for block in top:
        for start, _, value in written_dates(text[block.start : min(block.end, _MOST_CHARACTERS)]):
            line = text[text.rfind("\n", 0, block.start + start) + 1 : block.start + start + 40]
            if not _NOT_ITS_DATE.search(line):
                found.append(value)
    latest = max((int(value[:4]) for value in found), default=0)
    return next((value for value in found if int(value[:4]) > latest - _YEARS_APART), "")


def _names(text: str, top: Sequence[Block], title: str) -> Iterator[str]:
    small = frozenset(word for word in _WORD.findall(text[:_SAMPLE]) if word.islower())
    yield from _capitalised(title, small, is_heading=True)
    if top and top[0].kind in ("heading", "paragraph"):  # a company's name is often in capitals on the first line
        first = text[top[0].start : top[0].end].split("\n", 1)[0].lstrip("#*_ ").partition(" – ")[0]
        words = [word.casefold() for word in _WORD.findall(first)]
        if (
            first.isupper()
            and 1 < len(words) <= _MOST_WORDS
            and len(first) <= _LONGEST_NAME
            and not small.issuperset(words)
        ):
            yield first.strip(" *_")
    for block in top:
        part = text[block.start : min(block.end, _MOST_CHARACTERS)]
        if block.kind == "pair":
            value = _ADDRESS.sub("", text[block.label_end : block.end]).strip(" \t*_|")
            if _is_name(value):
                yield value
        else:
            yield from _capitalised(part, small, is_heading=block.kind == "heading")


def _is_name(value: str) -> bool:
    """Whether a labelled value is a name: a few words with capitals, or one word of a script without capitals."""
    words = [word for word in _WORD.findall(value) if word not in _JOINING]
    if not words or len(value) > _LONGEST_NAME or len(words) > _MOST_WORDS or value.endswith((".", "?", "!")):
        return False
    if not any(c.isupper() or c.islower() for c in value):
        return len(words) == 1 and not value[0].isdigit()
    return all(word[0].isupper() for word in words)


def _capitalised(words: str, small: Set[str], *, is_heading: bool) -> Iterator[str]:
    """Yields the longest sequences of at least two words in capitals, such as "Bruno Katz"; in a heading, also "Aero 300".

    Args:
        words: The text.
        small: Words that are in small letters somewhere in the document, so that they are no names after a full stop.
        is_heading: Whether the text is a title or a short line.
    """
    run: list[re.Match[str]] = []
    for found in (*_WORD.finditer(words), None):
        if found is not None and run and _goes_on(words, run[-1], found):
            run.append(found)
            continue
        yield from _named(words, run, small, is_heading=is_heading)
        run = [found] if found is not None and found.group()[0].isupper() else []


def _goes_on(words: str, last: re.Match[str], found: re.Match[str]) -> bool:
    between = words[last.end() : found.start()]
    is_initial = between == ". " and len(last.group()) <= 2
    word = found.group()
    return (between == " " or is_initial) and (word[0].isupper() or word[0].isdigit() or word in _JOINING)


def _named(words: str, run: list[re.Match[str]], small: Set[str], *, is_heading: bool) -> Iterator[str]:
    begins = bool(run) and words[: run[0].start()].rstrip()[-1:] in _SENTENCE_ENDS
    if begins and _MARK.fullmatch(run[0].group()):
        run = run[1:]
    while run and run[0].group().casefold() in small:
        run = run[1:]
    while run and not (run[-1].group()[0].isupper() or (is_heading and run[-1].group()[0].isdigit())):
        run = run[:-1]
    if len(run) < 2 or not run[0].group()[0].isupper():
        return
    name = words[run[0].start() : run[-1].end()]
    has_figures = any(part.group()[0].isdigit() for part in run)
    is_plain = not name.isupper() and not has_figures
    if len(name) <= _LONGEST_NAME and (is_plain or (is_heading and has_figures)) and not any(written_dates(name)):
        yield name


def _distinct(names: Iterable[str]) -> list[str]:
    """Returns the first names, each once, without those that are a part of another one."""
    found: list[str] = []
    for name in names:
        bare = " ".join(name.split())
        if bare and not any(bare.casefold() in other.casefold() for other in found):
            found.append(bare)
            if len(found) == _MOST_NAMES:
                break
    return found
