"""How the scores of meaning and of words become one. Pure arithmetic; it does not search.

Scores are added, not ranks: a rank forgets by how much one passage beats the next. Both parts keep their own scale from
question to question, so one passage or a million are scored alike and nothing is divided by the best of the list.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

# BM25 (Source: Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009, section 3.2). Passages are of similar
# length and short, so repeats of a word say little: a low k1 was best on every public set tried (benchmarks/README.md).
K1 = 0.8
B = 0.75
LEXICAL_WEIGHT = 0.2  # of a word that only one passage has, against a cosine of 1; flat between .15 and .25


_USUAL_PASSAGES = 200  # how many passages of English at large a library is mixed with when idf is judged


def idf(passages: int, document_frequency: int, prior: float = 0.0) -> float:
    """How much a word tells, from the share of passages that have it: 1 when hardly any does, near 0 when all do.

    Lucene's idf, which is never negative, over its value for a word that no passage has: so that it means the same in a
    library of ten passages and of a million. A small library says little about which words are common, so it is judged
    together with some passages of English at large (a Dirichlet prior); a large one outweighs them.

    Args:
        passages: How many there are.
        document_frequency: How many have the word.
        prior: The share of passages of English at large that have it, in [0, 1].
    """
    n = passages + _USUAL_PASSAGES
    n_having = document_frequency + _USUAL_PASSAGES * prior
    return math.log1p((n - n_having + 0.5) / (n_having + 0.5)) / math.log1p((n + 0.5) / 0.5)


def prior_share(rank: int) -> float:
    """The share of passages of English at large that have the stem of this frequency rank (1-based).

    Zipf's law with an offset (Mandelbrot, 1953); both constants were read off three public collections, where it holds
    within a factor 1.5 from rank 5 to 6,000.

    Example:
        >>> round(prior_share(1), 3), round(prior_share(3000), 4)
        (0.098, 0.002)
    """
    return 6 / (rank + 60)


def bm25(counts: Mapping[str, int], length: int, mean_length: float, idf: Mapping[str, float]) -> float:
    """Scores one passage for the question's words.

    Args:
        counts: Word → how often the passage has it.
        length: Words in the passage.
        mean_length: Words in a passage on average, over the library.
        idf: Word of the question → `idf`.

    Returns:
        Sum over the words, each at most idf × (K1 + 1).
    """
    damping = K1 * (1 - B + B * length / mean_length) if mean_length else K1
    return sum([idf[word] * count * (K1 + 1) / (count + damping) for word, count in counts.items() if word in idf])


def fused(dense: float | None, lexical: float) -> float:
    """One score from both. A passage without a vector yet (`dense` is None) is scored by its words alone."""
    return (dense or 0.0) + LEXICAL_WEIGHT * lexical


def ranks(scores: Sequence[float | None]) -> list[int | None]:
    """The 1-based rank of each score, best first; None stays None.

    Example:
        >>> ranks([0.2, None, 0.9])
        [2, None, 1]
    """
    order = sorted((i for i, score in enumerate(scores) if score is not None), key=lambda i: -(scores[i] or 0.0))
    placed: list[int | None] = [None] * len(scores)
    for rank, i in enumerate(order, start=1):
        placed[i] = rank
    return placed
