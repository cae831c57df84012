"""Finds what messages quote from each other, so that every message is searched once."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rag.records import Document
from rag.text.blocks import quotations

_WORD = re.compile(r"[^\W_]+")
_LABELLED = re.compile(r"\w[^:\n]{0,60}:.*")
_TOGETHER = 4  # words that stand in the same order in the message and in its quotation
_SHARE, _MOST_OTHERS = 0.85, 12  # of the quoted phrases that are the original's, at least; and of others, at most
_FEW_WORDS = 8  # in a shorter quotation, which shows what a reply refers to
_MOST_WORDS = 1_000_000  # of a thread, to limit memory; quotations in longer threads are searched like other text


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a message: its own words, or those that it quotes.

    Attributes:
        index: The block's index among the blocks of its document; -1 for the message's own words.
    """

    index: int
    words: list[str]


def linked(documents: Sequence[Document], parts: Sequence[str]) -> list[Document]:
    """Returns the documents, with each quotation of another message numbered after that message.

    Args:
        documents: The messages, with their blocks, in the order in which they were written.
        parts: For each message, its number in the mailbox, or its source if each is in its own file.
    """
    result = list(documents)
    threads: dict[str, list[int]] = {}
    for n, document in enumerate(documents):
        threads.setdefault(topic(document.title), []).append(n)
    for thread in threads.values():
        if len(thread) < 2 or sum(len(documents[n].text) for n in thread) > _MOST_WORDS * 6:
            continue
        for n, numbers in _linked_in_thread({n: list(_parts(documents[n])) for n in thread}):
            result[n] = _numbered(documents[n], {index: parts[owner] for index, owner in numbers.items()})
    return result


def _linked_in_thread(split: dict[int, list[_Part]]) -> Iterator[tuple[int, dict[int, int]]]:
    """Yields each message that quotes others, and for each of its blocks that does the message that contains it.

    Args:
        split: The parts of each message in the thread.
    """
    owners: dict[int, int] = {}
    for n, (own, *_) in split.items():
        for phrase in _phrases(own.words):
            owners.setdefault(phrase, n)
    for n, (_, *quoted) in split.items():
        numbers: dict[int, int] = {}
        for part in quoted:
            owner = _owner(part.words, owners, n)
            if owner is not None:
                numbers[part.index] = owner
                continue
            for phrase in _phrases(part.words):  # what is not in the mailbox is searched where it is quoted first
                owners.setdefault(phrase, n)
        if numbers:
            yield n, numbers


def _numbered(document: Document, numbers: dict[int, str]) -> Document:
    """Numbers blocks. The content hash changes with them: a quotation is searched again once its original is deleted."""
    blocks = (replace(block, number=numbers.get(at, block.number)) for at, block in enumerate(document.blocks))
    content_hash = hashlib.sha256(f"{document.content_hash} {sorted(numbers.items())}".encode()).hexdigest()
    return replace(document, blocks=tuple(blocks), content_hash=content_hash)


def topic(subject: str) -> str:
    """Returns a subject without what programs put before it, such as "Re:" or "AW:"."""
    return " ".join(_WORD.findall(subject.rpartition(":")[2].casefold()))


def _parts(document: Document) -> Iterator[_Part]:
    """Yields a message's own words, then the words of each quotation and of each earlier message below it."""
    text, quoted = document.text, list(quotations(document.blocks))
    own, at = [], 0
    for _, start, end in quoted:
        own.append(text[at:start])
        at = end
    own.append(text[at:])
    yield _Part(-1, _WORD.findall("\n".join(own).casefold()))
    for index, start, end in quoted:
        lines = (line for line in text[start:end].split("\n") if not _is_lead(line))
        yield _Part(index, _WORD.findall("\n".join(lines).casefold()))


def _is_lead(line: str) -> bool:
    """Whether a line of a quotation is not the sender's, but one that names the sender or the date."""
    bare = line.lstrip("> ")
    return bare.rstrip().endswith(":") or bare.startswith(("---", "___")) or bool(_LABELLED.fullmatch(bare))


def _phrases(words: Sequence[str]) -> Iterator[int]:
    for n in range(len(words) - _TOGETHER + 1):
        yield hash(tuple(words[n : n + _TOGETHER]))


def _owner(words: Sequence[str], owners: dict[int, int], n: int) -> int | None:
    """Returns the message that a quotation begins with, if nearly all of its words are from other messages."""
    if len(words) < _FEW_WORDS:
        return None
    found = [owner for phrase in _phrases(words) if (owner := owners.get(phrase)) is not None and owner != n]
    count = len(words) - _TOGETHER + 1
    return found[0] if len(found) >= max(_SHARE * count, count - _MOST_OTHERS) else None
