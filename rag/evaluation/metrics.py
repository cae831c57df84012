"""Computes metrics for answers and retrieval. Each function's docstring gives its formula and edge cases."""

from __future__ import annotations

import math
import string
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

_ARTICLES = frozenset({"a", "an", "the"})
_PUNCTUATION_TO_SPACE = dict.fromkeys(map(ord, string.punctuation + "“”‘’–—…"), " ")
_PUNCTUATION_TO_NOTHING = dict.fromkeys(map(ord, string.punctuation))

Span = tuple[str, int, int]  # (document, start, end)
Places = Sequence[Span]  # all occurrences of one gold quote


# Strings.


def normalised(text: str) -> str:
    """Returns the text in lower case, without punctuation, articles or extra spaces.

    Source: SQuAD's evaluate-v2.0.py, except that punctuation is replaced by a space (so "India-bound" is two words).
    """
    return " ".join(word for word in text.lower().translate(_PUNCTUATION_TO_SPACE).split() if word not in _ARTICLES)


def squad_tokens(text: str) -> list[str]:
    """Returns the words of a text after SQuAD's normalisation, which deletes punctuation ("India-bound" is one word).

    Source: normalize_answer and get_tokens in SQuAD's evaluate-v2.0.py.
    """
    return [word for word in text.lower().translate(_PUNCTUATION_TO_NOTHING).split() if word not in _ARTICLES]


def contains_gold(answer: str, golds: Sequence[str]) -> bool:
    """Returns whether the normalised answer contains any of the normalised gold strings.

    Gold strings that are empty after normalisation are ignored.
    Source: best_subspan_em in nelson-liu/lost-in-the-middle, restricted to whole words.
    """
    text = f" {normalised(answer)} "
    return any(f" {gold} " in text for gold in map(normalised, golds) if gold)


def exact_match(answer: str, golds: Sequence[str]) -> float:
    """Returns 1 if the normalised answer equals any of the normalised gold strings, else 0.

    If there are no gold strings, only an answer without words scores 1. Source: compute_exact in SQuAD's evaluate-v2.0.py.
    """
    return float(any(squad_tokens(answer) == squad_tokens(gold) for gold in golds or [""]))


def f1(answer: str, golds: Sequence[str]) -> float:
    """Returns the harmonic mean of word precision and word recall, for the gold string that gives the highest value.

    If the answer or the gold string has no words, the value is 1 if the other one has no words either, else 0.
    Source: compute_f1 in SQuAD's evaluate-v2.0.py.
    """
    return max(_f1(squad_tokens(answer), squad_tokens(gold)) for gold in golds or [""])


def _f1(answer: Sequence[str], gold: Sequence[str]) -> float:
    if not answer or not gold:
        return float(answer == gold)
    common = (Counter(answer) & Counter(gold)).total()
    return 2 * common / (len(answer) + len(gold))


def rouge_l(answer: str, golds: Sequence[str]) -> float:
    """Returns the F-measure of the longest common subsequence of words in the answer and a gold string, both normalised.

    The gold string that gives the highest value counts. If there are no gold strings, the value is 0.
    Source: Lin, ROUGE, 2004, section 3.1, with β = 1 as in google-research/rouge.
    """
    words = normalised(answer).split()
    return max((_rouge_l(words, normalised(gold).split()) for gold in golds), default=0.0)


def _rouge_l(answer: Sequence[str], gold: Sequence[str]) -> float:
    lengths = [0] * (len(gold) + 1)  # for each prefix of the gold string, the length of the longest common subsequence
    for word in answer:
        row = [0]
        for i, other in enumerate(gold):
            row.append(lengths[i] + 1 if word == other else max(lengths[i + 1], row[i]))
        lengths = row
    return 2 * lengths[-1] / (len(answer) + len(gold)) if lengths[-1] else 0.0


# Spans.


def overlaps(a: Span, b: Span) -> bool:
    """Returns whether two spans have at least one character in common."""
    return a[0] == b[0] and a[1] < b[2] and b[1] < a[2]


def newly_found(hits: Sequence[Span], gold: Sequence[Places]) -> list[set[int]]:
    """Returns, for each hit, the indexes of the gold quotes that it overlaps and that no earlier hit overlaps.

    A hit overlaps a gold quote if it overlaps any occurrence of the quote.
    """
    remaining = set(range(len(gold)))
    found = []
    for hit in hits:
        new = {n for n in remaining if any(overlaps(hit, place) for place in gold[n])}
        remaining -= new
        found.append(new)
    return found


def characters(spans: Sequence[Span]) -> int:
    """Returns the number of characters that the spans cover, counting overlaps once."""
    return sum(end - start for _, start, end in _merged(spans))


def shared_characters(a: Sequence[Span], b: Sequence[Span]) -> int:
    """Returns the number of characters that both lists of spans cover."""
    return characters(a) + characters(b) - characters([*a, *b])


def _merged(spans: Sequence[Span]) -> list[Span]:
    merged: list[Span] = []
    for document, start, end in sorted(span for span in spans if span[1] < span[2]):
        if merged and merged[-1][0] == document and start <= merged[-1][2]:
            merged[-1] = (document, merged[-1][1], max(end, merged[-1][2]))
        else:
            merged.append((document, start, end))
    return merged


def best_places(gold: Sequence[Places], hits: Sequence[Span]) -> list[Span]:
    """Returns the occurrence of each gold quote that the hits cover most; if there is a tie, the first occurrence."""
    return [max(places, key=lambda place: shared_characters([place], hits)) for places in gold]


def span_recall(hits: Sequence[Span], gold: Sequence[Span]) -> float:
    """Returns |gold ∩ hits| / |gold|, in characters; 1 if there are no gold spans.

    Source: Chroma, Evaluating Chunking Strategies for Retrieval, 2024, section "Metrics".
    """
    total = characters(gold)
    return shared_characters(hits, gold) / total if total else 1.0


def span_precision(hits: Sequence[Span], gold: Sequence[Span]) -> float:
    """Returns |gold ∩ hits| / |hits|, in characters; 0 if there are no hits. Source: the same as for `span_recall`."""
    total = characters(hits)
    return shared_characters(hits, gold) / total if total else 0.0


def span_iou(hits: Sequence[Span], gold: Sequence[Span]) -> float:
    """Returns |gold ∩ hits| / |gold ∪ hits|, in characters; 1 if there are neither gold spans nor hits.

    If several hits contain the same character, Chroma counts it once per hit, whereas this function counts it only once.
    Both ways of counting give the same value for the passages in an index, because these do not overlap.
    Source: the same as for `span_recall`.
    """
    union = characters([*hits, *gold])
    return shared_characters(hits, gold) / union if union else 1.0


# Rankings. `gains` lists the relevance of the item at each rank, starting at rank 1; 0 means that it is not relevant.


def hit(gains: Sequence[float], k: int) -> float:
    """Returns 1 if any of the first k items is relevant, else 0."""
    return float(any(gain > 0 for gain in gains[:k]))


def recall(gains: Sequence[float], k: int, relevant: int) -> float:
    """Returns the share of the relevant items that are among the first k.

    `relevant` is the total number of relevant items. If it is 0, the result is 1.
    """
    return sum(gain > 0 for gain in gains[:k]) / relevant if relevant else 1.0


def precision(gains: Sequence[float], k: int) -> float:
    """Returns the share of the first k items that are relevant. Items missing from a shorter list count as irrelevant."""
    return sum(gain > 0 for gain in gains[:k]) / k


def reciprocal_rank(gains: Sequence[float], k: int) -> float:
    """Returns 1 / rank for the first relevant item; 0 if none of the first k items is relevant.

    The mean over questions is MRR@k.
    """
    return next((1 / rank for rank, gain in enumerate(gains[:k], start=1) if gain > 0), 0.0)


def average_precision(gains: Sequence[float], k: int, relevant: int) -> float:
    """Returns the mean precision at the ranks of all relevant items. Items that are not among the first k contribute 0.

    The sum of the precisions is divided by `relevant`, the total number of relevant items, even if that exceeds k, as
    in trec_eval's map_cut. The value is 1 if no item is relevant. The mean over questions is MAP@k.
    """
    found, total = 0, 0.0
    for rank, gain in enumerate(gains[:k], start=1):
        if gain > 0:
            found += 1
            total += found / rank
    return total / relevant if relevant else 1.0


def ndcg(gains: Sequence[float], k: int, ideal: Sequence[float]) -> float:
    """Returns Σ gain / log2(rank + 1) over the first k ranks, divided by the same sum for the ideal ranking.

    The value is 1 if no item is relevant. As in trec_eval, the sum contains the gain itself, not 2^gain - 1.
    Source: Järvelin & Kekäläinen 2002, equation 2, with the logarithm applied from rank 1 on.

    Args:
        gains: The gain at each rank.
        k: Number of ranks to consider.
        ideal: The gains of all relevant items, in any order.
    """
    best = _dcg(sorted(ideal, reverse=True)[:k])
    return _dcg(gains[:k]) / best if best else 1.0


def _dcg(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, start=1))


def ranking_gains(ranked: Sequence[str], relevance: Mapping[str, float]) -> list[float]:
    """Returns the gain at each rank of a list of documents. A document that occurs again at a later rank has no gain there.

    Example:
        >>> ranking_gains(["a", "b", "a"], {"a": 1.0})
        [1.0, 0.0, 0.0]
    """
    seen: set[str] = set()
    gains = []
    for document in ranked:
        gains.append(0.0 if document in seen else relevance.get(document, 0.0))
        seen.add(document)
    return gains


# Decisions to answer or decline a question.


def risk_coverage(confidence: Sequence[float], right: Sequence[bool]) -> list[tuple[float, float]]:
    """Returns (coverage, risk) for each possible confidence threshold, from the highest threshold to the lowest.

    Coverage is the share of questions that are answered, and risk is the share of those answers that are wrong. There is
    one point for each distinct confidence value. Source: El-Yaniv & Wiener, 2010.

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
    """Returns the mean risk over all coverages: the area under the risk-coverage curve, divided by the last coverage.

    The curve is a step function through `points`, as returned by `risk_coverage`. A value of 0 is perfect. If
    confidence is unrelated to correctness, the value is the share of wrong answers.
    Source: Geifman et al., 2019.
    """
    area = previous = 0.0
    for coverage, risk in points:
        area += (coverage - previous) * risk
        previous = coverage
    return area / previous if previous else 0.0


def mean(values: Collection[float]) -> float:
    """Returns the arithmetic mean; 0 if there are no values."""
    return sum(values) / len(values) if values else 0.0
