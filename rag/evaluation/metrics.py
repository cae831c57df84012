"""What is measured of answers and retrieval. Pure functions of spans and strings; each says its formula and edge cases."""

from __future__ import annotations

import math
import string
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

_ARTICLES = frozenset({"a", "an", "the"})
_MARKS = string.punctuation + "“”‘’–—…"
_SPACED = dict.fromkeys(map(ord, _MARKS), " ")
_DROPPED = dict.fromkeys(map(ord, string.punctuation))

Span = tuple[str, int, int]  # (document, start, end)
Places = Sequence[Span]  # where one gold quote stands: it may do so more than once


# Strings.


def normalised(text: str) -> str:
    """Lower case, without punctuation, articles and extra space.

    Source: SQuAD's evaluate-v2.0.py, except that punctuation becomes a space ("India-bound" has two words).
    """
    return " ".join(word for word in text.lower().translate(_SPACED).split() if word not in _ARTICLES)


def squad_tokens(text: str) -> list[str]:
    """The words of SQuAD's own normalisation: punctuation is dropped, not made a space ("India-bound" is one word).

    Source: normalize_answer and get_tokens of SQuAD's evaluate-v2.0.py.
    """
    return [word for word in text.lower().translate(_DROPPED).split() if word not in _ARTICLES]


def contains_gold(answer: str, golds: Sequence[str]) -> bool:
    """Whether any gold string stands in the answer, both normalised. Gold strings that normalise to nothing don't count.

    Source: best_subspan_em of nelson-liu/lost-in-the-middle; whole words here.
    """
    text = f" {normalised(answer)} "
    return any(f" {gold} " in text for gold in map(normalised, golds) if gold)


def exact_match(answer: str, golds: Sequence[str]) -> float:
    """1 if the answer equals any gold string, both normalised, else 0. Without gold, the right answer is the empty one.

    Source: SQuAD's evaluate-v2.0.py, compute_exact.
    """
    return float(any(squad_tokens(answer) == squad_tokens(gold) for gold in golds or [""]))


def f1(answer: str, golds: Sequence[str]) -> float:
    """Harmonic mean of the shares of words that answer and gold have in common; the best of all gold strings.

    If either has no words, 1 if both have none, else 0. Source: SQuAD's evaluate-v2.0.py, compute_f1.
    """
    return max(_f1(squad_tokens(answer), squad_tokens(gold)) for gold in golds or [""])


def _f1(said: Sequence[str], wanted: Sequence[str]) -> float:
    if not said or not wanted:
        return float(said == wanted)
    common = (Counter(said) & Counter(wanted)).total()
    return 2 * common / (len(said) + len(wanted))


def rouge_l(answer: str, golds: Sequence[str]) -> float:
    """F-measure of the longest common subsequence of words, both normalised; the best of all gold strings; 0 without.

    Source: Lin, ROUGE, 2004, section 3.1, with β = 1 as in google-research/rouge.
    """
    said = normalised(answer).split()
    return max((_rouge_l(said, normalised(gold).split()) for gold in golds), default=0.0)


def _rouge_l(said: Sequence[str], wanted: Sequence[str]) -> float:
    before = [0] * (len(wanted) + 1)
    for word in said:
        row = [0]
        for i, other in enumerate(wanted):
            row.append(before[i] + 1 if word == other else max(before[i + 1], row[i]))
        before = row
    return 2 * before[-1] / (len(said) + len(wanted)) if before[-1] else 0.0


# Spans.


def overlaps(a: Span, b: Span) -> bool:
    """Whether two spans share a character."""
    return a[0] == b[0] and a[1] < b[2] and b[1] < a[2]


def touched(hits: Sequence[Span], gold: Sequence[Places]) -> list[set[int]]:
    """For each hit, the numbers of the gold quotes that it is the first to touch; a quote may stand in several places."""
    left = set(range(len(gold)))
    found = []
    for hit in hits:
        new = {n for n in left if any(overlaps(hit, place) for place in gold[n])}
        left -= new
        found.append(new)
    return found


def characters(spans: Sequence[Span]) -> int:
    """How many characters lie in any of the spans."""
    return sum(end - start for _, start, end in _merged(spans))


def shared_characters(a: Sequence[Span], b: Sequence[Span]) -> int:
    """How many characters lie in spans of both."""
    return characters(a) + characters(b) - characters([*a, *b])


def _merged(spans: Sequence[Span]) -> list[Span]:
    merged: list[Span] = []
    for document, start, end in sorted(span for span in spans if span[1] < span[2]):
        if merged and merged[-1][0] == document and start <= merged[-1][2]:
            merged[-1] = (document, merged[-1][1], max(end, merged[-1][2]))
        else:
            merged.append((document, start, end))
    return merged


def meant(gold: Sequence[Places], hits: Sequence[Span]) -> list[Span]:
    """Of each gold quote, the one place that counts: the one that the hits have most of, the first among equals."""
    return [max(places, key=lambda place: shared_characters([place], hits)) for places in gold]


def span_recall(hits: Sequence[Span], gold: Sequence[Span]) -> float:
    """|gold ∩ hits| / |gold|, in characters; 1 when there is no gold.

    Source: Chroma, Evaluating Chunking Strategies for Retrieval, 2024, section "Metrics".
    """
    wanted = characters(gold)
    return shared_characters(hits, gold) / wanted if wanted else 1.0


def span_precision(hits: Sequence[Span], gold: Sequence[Span]) -> float:
    """|gold ∩ hits| / |hits|, in characters; 0 without hits. Source: as `span_recall`."""
    found = characters(hits)
    return shared_characters(hits, gold) / found if found else 0.0


def span_iou(hits: Sequence[Span], gold: Sequence[Span]) -> float:
    """|gold ∩ hits| / |gold ∪ hits|, in characters; 1 when there is neither. Source: as `span_recall`.

    Chroma counts what several hits have in common once for each of them; here it counts once. For hits that do not overlap,
    as ours, that is the same.
    """
    union = characters([*hits, *gold])
    return shared_characters(hits, gold) / union if union else 1.0


# Rankings. `gains` is, for each rank from the first, how much of what is wanted was found there.


def hit(gains: Sequence[float], k: int) -> float:
    """1 if any of the first k is wanted, else 0."""
    return float(any(gain > 0 for gain in gains[:k]))


def recall(gains: Sequence[float], k: int, wanted: int) -> float:
    """Share of what is wanted that the first k hold; 1 when nothing is wanted."""
    return sum(gain > 0 for gain in gains[:k]) / wanted if wanted else 1.0


def precision(gains: Sequence[float], k: int) -> float:
    """Share of the first k that is wanted. Ranks beyond the end of a short list count as not wanted."""
    return sum(gain > 0 for gain in gains[:k]) / k


def reciprocal_rank(gains: Sequence[float], k: int) -> float:
    """1 / rank of the first one that is wanted; 0 if none of the first k is. Its mean is MRR@k."""
    return next((1 / rank for rank, gain in enumerate(gains[:k], start=1) if gain > 0), 0.0)


def average_precision(gains: Sequence[float], k: int, wanted: int) -> float:
    """Mean, over all that is wanted, of the precision at the rank where it was found; 0 for what the first k lack.

    Divided by what is wanted, also where that is more than k, as trec_eval's map_cut does. Its mean is MAP@k.
    """
    found, total = 0, 0.0
    for rank, gain in enumerate(gains[:k], start=1):
        if gain > 0:
            found += 1
            total += found / rank
    return total / wanted if wanted else 1.0


def ndcg(gains: Sequence[float], k: int, ideal: Sequence[float]) -> float:
    """Σ gain / log2(rank + 1) over the first k, divided by the same of the ideal ranking; 1 when nothing is wanted.

    The gain itself, not 2^gain - 1, as in trec_eval.
    Source: Järvelin & Kekäläinen 2002, equation 2, with logarithms from rank 1 on.

    Args:
        gains: Of each rank.
        k: How many ranks count.
        ideal: The gains of all that is wanted.
    """
    best = _dcg(sorted(ideal, reverse=True)[:k])
    return _dcg(gains[:k]) / best if best else 1.0


def _dcg(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, start=1))


def gains_of(ranked: Sequence[str], relevance: Mapping[str, float]) -> list[float]:
    """The gain at each rank of a ranking of documents; one that comes again counts once."""
    seen: set[str] = set()
    gains = []
    for document in ranked:
        gains.append(0.0 if document in seen else relevance.get(document, 0.0))
        seen.add(document)
    return gains


# Answering or not.


def risk_coverage(confidence: Sequence[float], right: Sequence[bool]) -> list[tuple[float, float]]:
    """(coverage, risk) when only the most confident are answered: share answered, and share of wrong ones among them.

    One point for each different confidence, from the highest. Source: El-Yaniv & Wiener, 2010.

    Example:
        >>> risk_coverage([0.9, 0.8, 0.1, 0.1], [True, False, True, False])
        [(0.25, 0.0), (0.5, 0.5), (1.0, 0.5)]
    """
    points: list[tuple[float, float]] = []
    wrong = 0
    ranked = sorted(zip(confidence, right, strict=True), key=lambda pair: -pair[0])
    for n, (score, is_right) in enumerate(ranked, start=1):
        wrong += not is_right
        if n == len(ranked) or ranked[n][0] != score:
            points.append((n / len(ranked), wrong / n))
    return points


def area_under_risk_coverage(points: Sequence[tuple[float, float]]) -> float:
    """Mean risk over all coverages: the area under the steps of `risk_coverage`, over the coverage that they reach.

    0 is perfect; that of answers whose confidence says nothing is their share of wrong ones. Source: Geifman et al., 2019.
    """
    area = before = 0.0
    for coverage, risk in points:
        area += (coverage - before) * risk
        before = coverage
    return area / before if before else 0.0


def mean(values: Collection[float]) -> float:
    """The arithmetic mean; 0 of nothing."""
    return sum(values) / len(values) if values else 0.0
