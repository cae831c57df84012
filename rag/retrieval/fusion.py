"""Combines a passage's scores for wording and for meaning into one score.

Scores are added, not ranks, because a rank does not show how much better one passage is than the next. Scores are not
divided by the best score in a list, so they have the same scale for every question, however many passages are scored.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

# BM25 (Source: Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009, section 3.2). Passages are short
# and similar in length, so a repeated word says little: on every public test set that was tried, a low k1 was best
# (benchmarks/README.md).
K1 = 0.8
B = 0.75
LEXICAL_WEIGHT = 0.2  # weight of a word that is in only one passage, relative to a cosine of 1; 0.15 to 0.25 work as well
_PRIOR_PASSAGES = 200  # number of general English passages added to a library's counts when idf is estimated


def idf(passages: int, document_frequency: int, prior: float = 0.0) -> float:
    """Returns the inverse document frequency of a word, in (0, 1]: 1 if hardly any passage contains it, near 0 if all do.

    This is Lucene's idf, which is never negative, divided by the idf of a word that no passage contains, to make values
    comparable between a library of ten passages and one of a million. A small library says little about which words are
    common, so some passages of general English are added to its counts (a Dirichlet prior). In a large library, these
    passages hardly matter.

    Args:
        passages: Number of passages.
        document_frequency: Number of passages that contain the word.
        prior: Share of general English passages that contain the word, in [0, 1].
    """
    n = passages + _PRIOR_PASSAGES
    n_with = document_frequency + _PRIOR_PASSAGES * prior
    return math.log1p((n - n_with + 0.5) / (n_with + 0.5)) / math.log1p((n + 0.5) / 0.5)


def prior_share(rank: int) -> float:
    """Returns the share of general English passages that contain the stem with this frequency rank (1-based).

    Uses Zipf's law with an offset (Mandelbrot, 1953). Its two constants were fitted on three public collections, where the
    result is accurate to within a factor of 1.5 from rank 5 to rank 6,000.

    Example:
        >>> round(prior_share(1), 3), round(prior_share(3000), 4)
        (0.098, 0.002)
    """
    return 6 / (rank + 60)


def bm25(counts: Mapping[str, int], length: int, mean_length: float, idf: Mapping[str, float]) -> float:
    """Returns the BM25 score of one passage.

    Args:
        counts: Number of occurrences of each word in the passage.
        length: Number of words in the passage.
        mean_length: Mean number of words in a passage, across the library.
        idf: The `idf` of each word in the question.

    Returns:
        The sum of the words' scores, each of which is at most idf × (K1 + 1).
    """
    damping = K1 * (1 - B + B * length / mean_length) if mean_length else K1
    return sum([idf[word] * count * (K1 + 1) / (count + damping) for word, count in counts.items() if word in idf])


def fused(dense: float | None, lexical: float) -> float:
    """Combines a passage's score for meaning (`dense`) and its score for wording (`lexical`) into one score.

    If the passage has no vector yet, `dense` is None and only the wording counts.
    """
    return (dense or 0.0) + LEXICAL_WEIGHT * lexical


def ranks(scores: Sequence[float | None]) -> list[int | None]:
    """Returns the rank of each score: 1 for the highest score, and None for a missing score.

    Example:
        >>> ranks([0.2, None, 0.9])
        [2, None, 1]
    """
    order = sorted((i for i, score in enumerate(scores) if score is not None), key=lambda i: -(scores[i] or 0.0))
    placed: list[int | None] = [None] * len(scores)
    for rank, i in enumerate(order, start=1):
        placed[i] = rank
    return placed
