"""Measures answers on a test set of the user's own questions. Gold is text, so re-splitting never spoils a set."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rag.answering.answer_check import claims_of, without_markers
from rag.errors import SourceError
from rag.evaluation import metrics, statistics
from rag.evaluation.metrics import Span
from rag.evaluation.records import FIGURES, CitedJSON, GoldJSON, Question, RowJSON, group_of
from rag.records import Answer, Citation, Document, Filter, Hit
from rag.text import quotes

Measures = dict[str, tuple[float, float]]  # figure → what a question adds above and below the line
Prices = tuple[float, float]  # US dollars for a million tokens sent, and written

_FOUND = 50  # passages looked for: ten documents and more are mostly among them
_AROUND = 160  # code points on each side of a citation that are kept with it
_KEPT = 20  # of them in the run file
_SHORT = 12  # words: longer gold is said otherwise by whoever answers
_PLACES = 50  # of a short gold quote that are looked at
_SAID = ("exact", "normalised", "misattributed", "not found")  # verdicts of quotations
_UNSUPPORTED = frozenset({"weak", "uncited", "unknown marker", "misattributed", "not found"})
# Model names begin with → list prices. Source: the maker's price page, August 2025; they change.
_PRICES: Mapping[str, Prices] = {
    "gpt-5-nano": (0.05, 0.40), "gpt-5-mini": (0.25, 2.00), "gpt-5": (1.25, 10.00), "gpt-4.1-nano": (0.10, 0.40),
    "gpt-4.1-mini": (0.40, 1.60), "gpt-4.1": (2.00, 8.00), "gpt-4o-mini": (0.15, 0.60), "gpt-4o": (2.50, 10.00),
}  # fmt: skip


class Measured(Protocol):
    """What is measured: a library, or whatever answers as it does."""

    def ask(self, question: str, *, filters: Filter | None = None) -> Answer:
        """Answers."""

    def search(self, question: str, k: int | None = None, *, filters: Filter | None = None) -> list[Hit]:
        """Finds passages."""

    def document(self, source: str) -> Document:
        """A document, to check citations by, and to look for gold in."""


def rows(
    library: Measured, questions: Sequence[Question], *, within: bool = False, told: Callable[[str], None]
) -> Iterator[RowJSON]:
    """Asks the questions one by one and measures each answer.

    Args:
        library: Who is asked.
        questions: What.
        within: Ask each question of the documents that the set names for it, instead of all.
        told: Told of each fault of the set.
    """
    documents: dict[str, Document | None] = {}

    def document(source: str) -> Document | None:
        if source not in documents:
            try:
                documents[source] = library.document(source)
            except SourceError:
                documents[source] = None
        return documents[source]

    for question in questions:
        filters = Filter(tuple(map(glob.escape, question.within))) if within and question.within else None
        gold = list(_gold(question, document, told))
        yield _row(question, gold, library.search(question.question, _FOUND, filters=filters),
                   library.ask(question.question, filters=filters), document)  # fmt: skip


def _gold(
    question: Question, document: Callable[[str], Document | None], told: Callable[[str], None]
) -> Iterator[GoldJSON]:
    """Gold as it stands in the documents. What does not is told, and left out: it is never scored."""
    for one in question.evidence:
        held = document(one.source)
        if held is None:
            told(f"{question.id}: no document {one.source}")
            continue
        places = _places(one.quote, one.start, held.text) if one.quote else []
        if one.quote and not places:
            told(f"{question.id}: gold quote not in {one.source}: “{one.quote[:60]}”")
            continue
        yield {"source": held.source, "quote": one.quote, "places": places, "relevance": one.relevance}


def _places(quote: str, start: int | None, text: str) -> list[tuple[int, int]]:
    if start is not None and text[start : start + len(quote)] == quote:
        return [(start, start + len(quote))]
    places: list[tuple[int, int]] = []
    at = text.find(quote)
    while at >= 0 and len(places) < _PLACES:
        places.append((at, at + len(quote)))
        at = text.find(quote, at + len(quote))
    if not places and (found := quotes.find_quote(quote, text)) is not None:
        places.append(found[:2])
    return places


def _row(
    question: Question,
    gold: list[GoldJSON],
    hits: Sequence[Hit],
    answer: Answer,
    document: Callable[[str], Document | None],
) -> RowJSON:
    quoted = [[(one["source"], start, end) for start, end in one["places"]] for one in gold if one["places"]]
    cited = [_cited(citation, document(citation.source), quoted) for citation in answer.citations]
    measures: Measures = {}
    if question.evidence and gold:
        _retrieval(measures, gold, quoted, hits)
    _answers(measures, question, answer)
    _citations(measures, answer, cited, quoted)
    _rightness(measures, question, answer, cited)
    usage = dict(answer.usage)
    for name, kinds in (
        ("tokens_in", ("prompt_tokens", "input_tokens")),
        ("tokens_out", ("completion_tokens", "output_tokens")),
    ):
        if (count := next((usage[kind] for kind in kinds if kind in usage), None)) is not None:
            measures[name] = (count, 1)
    return {
        "question": {
            "id": question.id, "question": question.question, "answers": list(question.answers),
            "must_mention": list(question.must_mention), "answerable": question.answerable, "type": question.type,
            "group": question.group,
        },
        "gold": gold,
        "answer": answer.text,
        "status": answer.status,
        "evidence": answer.evidence,
        "model": answer.model,
        "notice": answer.notice,
        "citations": cited,
        "flags": [
            {"said": flag.said, "verdict": flag.verdict, "note": flag.note, "answer_start": flag.answer_start,
             "answer_end": flag.answer_end}
            for flag in answer.flags
        ],
        "hits": [{"source": h.source, "start": h.start, "end": h.end, "score": h.score} for h in hits[:_KEPT]],
        "timings_ms": dict(answer.timings_ms),
        "usage": usage,
        "measures": measures,
        "judged": {},
    }  # fmt: skip


def _cited(citation: Citation, document: Document | None, gold: Sequence[metrics.Places]) -> CitedJSON:
    span = (citation.source, citation.start, citation.end)
    text = document.text if document is not None else ""
    facts = asdict(citation)
    facts.update(
        before=text[max(0, citation.start - _AROUND) : citation.start],
        after=text[citation.end : citation.end + _AROUND],
        exact=text[citation.start : citation.end] == citation.quote,
        right=any(metrics.overlaps(span, place) for places in gold for place in places) if gold else None,
    )
    return {name: facts[name] for name in CitedJSON.__annotations__}  # type: ignore[return-value]  # its own fields


def _retrieval(measures: Measures, gold: Sequence[GoldJSON], quoted: Sequence[metrics.Places], hits: Sequence[Hit]) -> None:
    relevance = {one["source"]: one["relevance"] for one in sorted(gold, key=lambda one: one["relevance"])}
    wanted = sum(value > 0 for value in relevance.values())
    documents = list(dict.fromkeys(hit.source for hit in hits))
    gains = metrics.gains_of(documents, relevance)
    measures["doc_hit@1"] = (metrics.hit(gains, 1), 1)
    measures["doc_hit@5"] = (metrics.hit(gains, 5), 1)
    measures["doc_recall@5"] = (metrics.recall(gains, 5, wanted), 1)
    measures["doc_recall@10"] = (metrics.recall(gains, 10, wanted), 1)
    measures["doc_precision@5"] = (metrics.precision(gains, 5), 1)
    measures["doc_mrr@10"] = (metrics.reciprocal_rank(gains, 10), 1)
    measures["doc_map@10"] = (metrics.average_precision(gains, 10, wanted), 1)
    measures["doc_ndcg@10"] = (metrics.ndcg(gains, 10, list(relevance.values())), 1)
    if not quoted:
        return
    spans: list[Span] = [(hit.source, hit.start, hit.end) for hit in hits]
    touches = metrics.touched(spans, quoted)
    gains = [float(len(new) > 0) for new in touches]
    found = [sum(map(len, touches[:k])) for k in (5, 10)]
    for k in (1, 5, 10):
        measures[f"hit@{k}"] = (metrics.hit(gains, k), 1)
    measures["mrr@5"] = (metrics.reciprocal_rank(gains, 5), 1)
    measures["mrr@10"] = (metrics.reciprocal_rank(gains, 10), 1)
    measures["recall@5"] = (found[0] / len(quoted), 1)
    measures["recall@10"] = (found[1] / len(quoted), 1)
    measures["precision@5"] = (metrics.precision(gains, 5), 1)
    # One passage may touch several quotes: what is wanted of a ranking is as many passages as hold them all.
    holders = max(1, sum(gain > 0 for gain in gains)) + len(quoted) - sum(map(len, touches))
    measures["map@10"] = (metrics.average_precision(gains, 10, holders), 1)
    measures["ndcg@10"] = (metrics.ndcg(gains, 10, [1.0] * holders), 1)
    first = spans[:5]
    meant = metrics.meant(quoted, first)
    measures["span_recall@5"] = (metrics.span_recall(first, meant), 1)
    measures["span_precision@5"] = (metrics.span_precision(first, meant), 1)
    measures["span_iou@5"] = (metrics.span_iou(first, meant), 1)


def _answers(measures: Measures, question: Question, answer: Answer) -> None:
    declined = answer.status == "abstained"
    said = "" if declined else without_markers(answer.text)
    if question.answers or not question.answerable:
        golds = question.answers if question.answerable else ()
        measures["em"] = (metrics.exact_match(said, golds), 1)
        measures["f1"] = (metrics.f1(said, golds), 1)
    if not question.answerable:
        return
    if question.answers:
        measures["rouge_l"] = (metrics.rouge_l(said, question.answers), 1)
    if question.must_mention:
        mentioned = sum(metrics.contains_gold(said, [words]) for words in question.must_mention)
        measures["must_mention"] = (mentioned / len(question.must_mention), 1)
    if not question.answers and not question.must_mention:
        return
    contained = not question.answers or metrics.contains_gold(said, question.answers)
    contained = contained and measures.get("must_mention", (1.0, 1))[0] == 1
    measures["gold_contained"] = (float(contained), 1)
    if not declined:
        measures["gold_contained_if_answered"] = (float(contained), 1)
        measures["sentences"] = (len(answer.citations), 1)


def _citations(measures: Measures, answer: Answer, cited: Sequence[CitedJSON], gold: Sequence[metrics.Places]) -> None:
    verdicts = [one["verdict"] for one in cited] + [flag.verdict for flag in answer.flags]
    verdicts = [verdict for verdict in verdicts if verdict in _SAID]
    if cited:
        measures["citation_exact"] = (sum(one["exact"] for one in cited), len(cited))
        measures["citations"] = (len(cited), 1)
    if verdicts:
        for verdict in _SAID[1:]:
            measures[f"quotes_{verdict.replace(' ', '_')}"] = (verdicts.count(verdict), len(verdicts))
    if answer.status == "abstained":
        return
    if gold and cited:
        measures["citation_precision"] = (sum(bool(one["right"]) for one in cited), len(cited))
    if gold:
        spans = [(one["source"], one["start"], one["end"]) for one in cited]
        right = sum(any(metrics.overlaps(span, place) for span in spans for place in places) for places in gold)
        measures["citation_recall"] = (right, len(gold))
    sentences = claims_of(answer.text)
    if sentences:
        borne = [(one["answer_start"], one["answer_end"]) for one in cited]
        doubted = [(flag.answer_start, flag.answer_end) for flag in answer.flags if flag.verdict in _UNSUPPORTED]
        supported = sum(_meets(sentence, borne) and not _meets(sentence, doubted) for sentence in sentences)
        measures["supported_sentences"] = (supported, len(sentences))


def _meets(span: tuple[int, int], others: Sequence[tuple[int, int]]) -> bool:
    return any(span[0] < end and start < span[1] for start, end in others)


def _rightness(measures: Measures, question: Question, answer: Answer, cited: Sequence[CitedJSON]) -> None:
    """Whether the question was answered rightly, or rightly declined; left out where nothing says what is right."""
    declined = answer.status == "abstained"
    is_right: bool | None = declined
    if question.answerable:
        is_short = any(len(metrics.normalised(gold).split()) <= _SHORT for gold in question.answers)
        if declined:
            is_right = False if question.answers or question.must_mention else None
        elif is_short or question.must_mention:
            is_right = measures["gold_contained"][0] == 1
        else:  # nobody says a long answer word for word
            is_right = any(one["right"] for one in cited) if any(one["right"] is not None for one in cited) else None
    if is_right is not None:
        measures["right"] = (float(is_right), 1)
    if declined:
        measures["refusal_precision"] = (float(not question.answerable), 1)
    if question.answerable:
        measures["false_refusals"] = (float(declined), 1)
    else:
        measures["refusal_recall"] = (float(declined), 1)
    if not declined and is_right is not None:
        measures["risk"] = (float(not is_right), 1)


def figures(
    rows: Sequence[RowJSON], prices: Prices | None = None
) -> tuple[dict[str, float | None], dict[str, tuple[float, float]], dict[str, int]]:
    """The figures of a run, their 95 % intervals, and how many questions each rests on.

    A figure that applies to no question is None. Of an answer without citations none is wrong: `citation_exact` is 1 then.

    Args:
        rows: What was measured.
        prices: Of the model; those that are known of it, if left out.
    """
    found = _Figures(rows)
    found.values |= {"questions": len(rows), "answerable": sum(row["question"]["answerable"] for row in rows)}
    measured = {name for row in rows for name in row["measures"]}
    for name in [*(name for name in FIGURES if name not in found.values), *sorted(measured - set(FIGURES))]:
        found.add_ratio(name)
    _rank(found, rows)
    _times(found, rows)
    _cost(found.values, rows, prices)
    return found.values, found.intervals, found.cases


# These are in every run, measured or not.
_NEEDED = frozenset(
    """hit@1 hit@5 mrr@5 span_recall@5 doc_ndcg@10 gold_contained gold_contained_if_answered sentences citation_exact
    citation_precision refusal_recall refusal_precision false_refusals""".split()
)


class _Figures:
    """Figures as they are found: values, 95 % intervals, and how many questions each rests on."""

    def __init__(self, rows: Sequence[RowJSON]) -> None:
        self.values: dict[str, float | None] = {}
        self.intervals: dict[str, tuple[float, float]] = {}
        self.cases: dict[str, int] = {}
        self._rows = rows
        self._bootstrap = statistics.Bootstrap([group_of(row) for row in rows])

    def add_ratio(self, name: str) -> None:
        """Adds the sum of what questions have above the line, over what they have below it."""
        parts = [row["measures"].get(name, (0.0, 0.0)) for row in self._rows]
        above, below = (sum(part[side] for part in parts) for side in (0, 1))
        if name == "citations":
            self.values[name] = above
        elif below:
            self.values[name] = above / below
            self.cases[name] = sum(part[1] > 0 for part in parts)
            self._add_interval(name, self._bootstrap.ratio(parts))
        elif name in _NEEDED:
            self.values[name] = 1.0 if name == "citation_exact" else None

    def add(self, name: str, statistic: Callable[[NDArray[np.int64]], float | None], cases: int | None = None) -> None:
        """Adds any statistic of the questions with the numbers that it is given, unless it has no value."""
        value = statistic(np.arange(len(self._rows)))
        if value is None:
            return
        self.values[name] = value
        if cases is not None:
            self.cases[name] = cases
        self._add_interval(name, self._bootstrap.of(statistic))

    def _add_interval(self, name: str, interval: tuple[float, float] | None) -> None:
        if interval is not None:
            self.intervals[name] = interval


def _rank(found: _Figures, rows: Sequence[RowJSON]) -> None:
    """How well the evidence score tells what can be answered, and rightly."""
    evidence = np.array([row["evidence"] for row in rows])
    answerable = np.array([row["question"]["answerable"] for row in rows], dtype=bool)
    found.add("auroc", lambda some: statistics.auroc(evidence[some], answerable[some]), len(rows))
    given = np.array(["risk" in row["measures"] for row in rows], dtype=bool)
    right = np.array([row["measures"].get("risk", (1.0, 1))[0] == 0 for row in rows], dtype=bool)

    def aurc(some: NDArray[np.int64]) -> float | None:
        some = some[given[some]]
        points = metrics.risk_coverage(evidence[some].tolist(), right[some].tolist())
        return metrics.area_under_risk_coverage(points) if points else None

    found.add("aurc", aurc, int(given.sum()))


def _times(found: _Figures, rows: Sequence[RowJSON]) -> None:
    """Percentiles of the whole, with intervals, and of each stage."""
    stages = dict.fromkeys(["total", *(stage for row in rows for stage in row["timings_ms"])])
    for stage in stages:
        taken = np.array([row["timings_ms"].get(stage, 0.0) for row in rows])
        for p in (50, 90, 99):
            if stage == "total":
                found.add(f"p{p}_ms", lambda some, p=p, taken=taken: statistics.percentile(taken[some], p))  # type: ignore[misc]
            else:
                found.values[f"p{p}_ms.{stage}"] = statistics.percentile(taken, p)


def _cost(found: dict[str, float | None], rows: Sequence[RowJSON], prices: Prices | None) -> None:
    model = next((row["model"] for row in rows if "tokens_in" in row["measures"]), "")
    known = (price for start, price in _PRICES.items() if model.lower().startswith(start))
    prices = prices or next(known, None)
    if model and prices:
        counts = [sum(row["measures"].get(name, (0.0, 0.0))[0] for row in rows) for name in ("tokens_in", "tokens_out")]
        found["cost_usd"] = sum(count * price for count, price in zip(counts, prices, strict=True)) / 1_000_000
