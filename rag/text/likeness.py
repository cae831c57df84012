"""Tells whether two documents are versions of each other, such as two editions of a policy, by comparing their blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rag.records import Document
from rag.text.blocks import CONTAINERS, rows
from rag.text.sentences import sentences

_FIGURES = re.compile(r"\d+")
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_WORD = re.compile(r"[^\W_]+")
# Two versions have at least so many sentences, and at least this share of those of the shorter one, in common.
_LEAST_SENTENCES, _LEAST_SHARE = 3, 0.5
_LEAST_WORDS = 3  # of a sentence that counts


def are_versions(a: Document, b: Document) -> bool:
    """Whether one document is a version of another one.

    Most of their sentences have the same words, apart from figures. Two contracts made from one template do, too, but each
    of them has a name at its top that the other does not contain.
    """
    ours, theirs = set(_shapes(a)), set(_shapes(b))
    least = max(_LEAST_SENTENCES, _LEAST_SHARE * min(len(ours), len(theirs)))
    return len(ours & theirs) >= least and (_contains_names(a, b) or _contains_names(b, a))


def _shapes(document: Document) -> Iterator[str]:
    """Yields the words of each sentence in a block, and of each row of a table, with figures replaced."""
    for block in document.blocks:
        if block.kind == "table":
            spans = [(start, end) for start, end, _ in rows(document.text, block)]
        else:
            spans = [] if block.kind in (*CONTAINERS, "cell") else sentences(document.text, block.start, block.end)
        for start, end in spans:
            words = _WORD.findall(_FIGURES.sub("0", document.text[start:end]).casefold())
            if len(words) >= _LEAST_WORDS:
                yield " ".join(words)


def _contains_names(document: Document, other: Document) -> bool:
    """Whether a document contains all the names at the top of another one."""
    text = " ".join(f"{document.title} {document.text}".casefold().split())
    names = (_YEAR.sub("", name).casefold().strip() for name in other.metadata.get("names", "").split("; "))
    return all(name in text for name in names if name)
