"""What is measured of answers and retrieval. Pure functions of spans and strings; each says its formula and edge cases."""

from __future__ import annotations

import string
from collections.abc import Sequence

_ARTICLES = frozenset({"a", "an", "the"})
_PUNCTUATION = dict.fromkeys(map(ord, string.punctuation + "“”‘’–—…"), " ")

Span = tuple[str, int, int]  # (document, start, end)


def normalised(text: str) -> str:
    """Lower case, without punctuation, articles and extra space.

    Source: SQuAD's evaluate-v2.0.py, except that punctuation becomes a space ("India-bound" has two words).
    """
    return " ".join(word for word in text.lower().translate(_PUNCTUATION).split() if word not in _ARTICLES)


def contains_gold(answer: str, golds: Sequence[str]) -> bool:
    """Whether any gold string stands in the answer, both normalised. Gold strings that normalise to nothing don't count.

    Source: best_subspan_em of nelson-liu/lost-in-the-middle; whole words here.
    """
    text = f" {normalised(answer)} "
    return any(f" {gold} " in text for gold in map(normalised, golds) if gold)


def overlaps(a: Span, b: Span) -> bool:
    """Whether two spans share a character."""
    return a[0] == b[0] and a[1] < b[2] and b[1] < a[2]


def first_relevant(hits: Sequence[Span], gold: Sequence[Span]) -> int | None:
    """The 1-based rank of the first hit that overlaps a gold span; None if none does."""
    return next((rank for rank, hit in enumerate(hits, start=1) if any(overlaps(hit, g) for g in gold)), None)


def span_recall(hits: Sequence[Span], gold: Sequence[Span]) -> float:
    """Share of the gold characters that lie in any hit; 1 when there is no gold.

    Source: Chroma, Evaluating Chunking Strategies for Retrieval, 2024, section "Metrics".
    """
    wanted = {(document, at) for document, start, end in gold for at in range(start, end)}
    found = {(document, at) for document, start, end in hits for at in range(start, end)}
    return len(wanted & found) / len(wanted) if wanted else 1.0


def mean(values: Sequence[float]) -> float:
    """The arithmetic mean; 0 of nothing."""
    return sum(values) / len(values) if values else 0.0
