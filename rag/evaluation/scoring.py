"""Asks the questions in a test set and measures each answer. `rag.evaluation.aggregation` computes a run's metrics."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Protocol

from rag.answering.verification.answer_check import claim_spans, without_markers
from rag.errors import SourceError
from rag.evaluation import metrics
from rag.evaluation.metrics import Places, Span
from rag.evaluation.records import GoldJSON, Question, RowJSON, RunCitationJSON
from rag.evaluation.statistics import Contribution
from rag.records import Answer, Citation, Document, Filter, Hit
from rag.text import quotes

Measures = dict[str, Contribution]  # (numerator, denominator) of each metric, for one question

_RETRIEVED = 50  # number of passages to retrieve; they usually come from at least ten different documents
_STORED_HITS = 20  # number of hits per question to store in the run
_CONTEXT = 160  # code points of text to store before and after each citation
_SHORT_ANSWER = 12  # maximum words in a short gold answer; longer ones are usually rephrased, so strings are not compared
_MAX_PLACES = 50  # maximum number of occurrences of a gold quote to consider
_QUOTATION_VERDICTS = ("exact", "normalised", "misattributed", "not found")
_UNSUPPORTED = frozenset({"weak", "uncited", "unknown marker", "misattributed", "not found"})


class EvaluatedLibrary(Protocol):
    """The library methods used in evaluation. Any other system with these methods can be evaluated in the same way."""

    def ask(self, question: str, *, filters: Filter | None = None) -> Answer:
        """Answers a question. `filters` restricts the documents that are searched."""

    def search(self, question: str, k: int | None = None, *, filters: Filter | None = None) -> list[Hit]:
        """Returns the `k` passages that best match a question, starting with the best match."""

    def document(self, source: str) -> Document:
        """Returns a document. Its text is used to locate gold quotes and to check citations."""


# Returns the document with a given source; None if there is no such document.
LoadDocument = Callable[[str], Document | None]


def score_questions(
    library: EvaluatedLibrary,
    questions: Sequence[Question],
    *,
    within: bool = False,
    on_defect: Callable[[str], None],
) -> Iterator[RowJSON]:
    """Asks questions one by one and yields each answer with its measurements.

    Args:
        library: The library to ask.
        questions: The questions, in the order in which they are asked.
        within: Restrict each question to the documents that the test set names for it.
        on_defect: Called with a message about each error in the test set.
    """
    documents: dict[str, Document | None] = {}

    def load(source: str) -> Document | None:
        if source not in documents:
            try:
                documents[source] = library.document(source)
            except SourceError:
                documents[source] = None
        return documents[source]

    for question in questions:
        filters = Filter(tuple(map(glob.escape, question.within))) if within and question.within else None
        gold = list(_locate_gold(question, load, on_defect))
        hits = library.search(question.question, _RETRIEVED, filters=filters)
        answer = library.ask(question.question, filters=filters)
        yield _row(question, gold, hits, answer, load)


def _locate_gold(question: Question, load: LoadDocument, on_defect: Callable[[str], None]) -> Iterator[GoldJSON]:
    """Yields each piece of gold evidence together with the places where it occurs in its document.

    Evidence that is not found is reported as an error in the test set and is not scored.
    """
    for gold in question.evidence:
        document = load(gold.source)
        if document is None:
            on_defect(f"{question.id}: the library has no document {gold.source}")
            continue
        places = _places(gold.quote, gold.start, document.text) if gold.quote else []
        if gold.quote and not places:
            on_defect(f"{question.id}: the gold quote is not in {gold.source}: “{gold.quote[:60]}”")
            continue
        yield {"source": document.source, "quote": gold.quote, "places": places, "relevance": gold.relevance}


def _places(quote: str, start: int | None, text: str) -> list[tuple[int, int]]:
    if start is not None and text[start : start + len(quote)] == quote:
        return [(start, start + len(quote))]
    places: list[tuple[int, int]] = []
    at = text.find(quote)
    while at >= 0 and len(places) < _MAX_PLACES:
        places.append((at, at + len(quote)))
        at = text.find(quote, at + len(quote))
    if not places and (found := quotes.find_quote(quote, text)) is not None:
        places.append(found[:2])
    return places


def _row(question: Question, gold: list[GoldJSON], hits: Sequence[Hit], answer: Answer, load: LoadDocument) -> RowJSON:
    gold_places = [[(one["source"], start, end) for start, end in one["places"]] for one in gold if one["places"]]
    citations = [_citation_row(citation, load(citation.source), gold_places) for citation in answer.citations]
    return {
        "question": {
            "id": question.id,
            "question": question.question,
            "answers": list(question.answers),
            "must_mention": list(question.must_mention),
            "answerable": question.answerable,
            "type": question.type,
            "group": question.group,
        },
        "gold": gold,
        "answer": answer.text,
        "status": answer.status,
        "evidence": answer.evidence,
        "model": answer.model,
        "notice": answer.notice,
        "citations": citations,
        "flags": [
            {
                "said": flag.said,
                "verdict": flag.verdict,
                "note": flag.note,
                "answer_start": flag.answer_start,
                "answer_end": flag.answer_end,
            }
            for flag in answer.flags
        ],
        "hits": [
            {"source": hit.source, "start": hit.start, "end": hit.end, "score": hit.score} for hit in hits[:_STORED_HITS]
        ],
        "timings_ms": dict(answer.timings_ms),
        "usage": dict(answer.usage),
        "measures": _measures(question, gold, hits, answer, citations),
        "judged": {},
    }


def _citation_row(citation: Citation, document: Document | None, gold_places: Sequence[Places]) -> RunCitationJSON:
    span = (citation.source, citation.start, citation.end)
    text = document.text if document is not None else ""
    values = asdict(citation)
    values.update(
        before=text[max(0, citation.start - _CONTEXT) : citation.start],
        after=text[citation.end : citation.end + _CONTEXT],
        exact=text[citation.start : citation.end] == citation.quote,
        right=any(metrics.overlaps(span, place) for places in gold_places for place in places) if gold_places else None,
    )
    return {name: values[name] for name in RunCitationJSON.__annotations__}  # type: ignore[return-value]  # its own fields


def _measures(
    question: Question,
    gold: Sequence[GoldJSON],
    hits: Sequence[Hit],
    answer: Answer,
    citations: Sequence[RunCitationJSON],
) -> Measures:
    measures: Measures = {}
    gold_places = [[(one["source"], start, end) for start, end in one["places"]] for one in gold if one["places"]]
    if question.evidence and gold:
        _measure_documents(measures, gold, hits)
    if question.evidence and gold_places:
        _measure_passages(measures, gold_places, hits)
    _measure_answer(measures, question, answer)
    _measure_citations(measures, answer, citations, gold_places)
    _measure_correctness(measures, question, answer, citations)
    for name, kinds in (
        ("tokens_in", ("prompt_tokens", "input_tokens")),
        ("tokens_out", ("completion_tokens", "output_tokens")),
    ):
        if (count := next((answer.usage[kind] for kind in kinds if kind in answer.usage), None)) is not None:
            measures[name] = (count, 1)
    return measures


def _measure_documents(measures: Measures, gold: Sequence[GoldJSON], hits: Sequence[Hit]) -> None:
    relevance = {one["source"]: one["relevance"] for one in sorted(gold, key=lambda one: one["relevance"])}
    relevant = sum(value > 0 for value in relevance.values())
    gains = metrics.ranking_gains(list(dict.fromkeys(hit.source for hit in hits)), relevance)
    measures["doc_hit@1"] = (metrics.hit(gains, 1), 1)
    measures["doc_hit@5"] = (metrics.hit(gains, 5), 1)
    measures["doc_recall@5"] = (metrics.recall(gains, 5, relevant), 1)
    measures["doc_recall@10"] = (metrics.recall(gains, 10, relevant), 1)
    measures["doc_precision@5"] = (metrics.precision(gains, 5), 1)
    measures["doc_mrr@10"] = (metrics.reciprocal_rank(gains, 10), 1)
    measures["doc_map@10"] = (metrics.average_precision(gains, 10, relevant), 1)
    measures["doc_ndcg@10"] = (metrics.ndcg(gains, 10, list(relevance.values())), 1)


def _measure_passages(measures: Measures, gold_places: Sequence[Places], hits: Sequence[Hit]) -> None:
    spans: list[Span] = [(hit.source, hit.start, hit.end) for hit in hits]
    newly_found = metrics.newly_found(spans, gold_places)
    gains = [float(len(new) > 0) for new in newly_found]
    for k in (1, 5, 10):
        measures[f"hit@{k}"] = (metrics.hit(gains, k), 1)
    measures["mrr@5"] = (metrics.reciprocal_rank(gains, 5), 1)
    measures["mrr@10"] = (metrics.reciprocal_rank(gains, 10), 1)
    for k in (5, 10):
        measures[f"recall@{k}"] = (sum(map(len, newly_found[:k])) / len(gold_places), 1)
    measures["precision@5"] = (metrics.precision(gains, 5), 1)
    # A passage may contain several gold quotes, so the number of relevant passages is not the number of quotes. It is the
    # number of passages that overlap a quote which no earlier passage overlaps, plus one for each quote not found.
    relevant = max(1, sum(gain > 0 for gain in gains)) + len(gold_places) - sum(map(len, newly_found))
    measures["map@10"] = (metrics.average_precision(gains, 10, relevant), 1)
    measures["ndcg@10"] = (metrics.ndcg(gains, 10, [1.0] * relevant), 1)
    first = spans[:5]
    gold = metrics.best_places(gold_places, first)
    measures["span_recall@5"] = (metrics.span_recall(first, gold), 1)
    measures["span_precision@5"] = (metrics.span_precision(first, gold), 1)
    measures["span_iou@5"] = (metrics.span_iou(first, gold), 1)


def _measure_answer(measures: Measures, question: Question, answer: Answer) -> None:
    declined = answer.status == "abstained"
    text = "" if declined else without_markers(answer.text)
    if question.answers or not question.answerable:
        golds = question.answers if question.answerable else ()
        measures["em"] = (metrics.exact_match(text, golds), 1)
        measures["f1"] = (metrics.f1(text, golds), 1)
    if not question.answerable:
        return
    if question.answers:
        measures["rouge_l"] = (metrics.rouge_l(text, question.answers), 1)
        if answer.short:
            measures["short_em"] = (metrics.exact_match(answer.short, question.answers), 1)
            measures["short_f1"] = (metrics.f1(answer.short, question.answers), 1)
    if question.must_mention:
        mentioned = sum(metrics.contains_gold(text, [words]) for words in question.must_mention)
        measures["must_mention"] = (mentioned / len(question.must_mention), 1)
    if not question.answers and not question.must_mention:
        return
    contained = not question.answers or metrics.contains_gold(text, question.answers)
    contained = contained and measures.get("must_mention", (1.0, 1))[0] == 1
    measures["gold_contained"] = (float(contained), 1)
    if not declined:
        measures["gold_contained_if_answered"] = (float(contained), 1)
        measures["sentences"] = (len(answer.citations), 1)


def _measure_citations(
    measures: Measures, answer: Answer, citations: Sequence[RunCitationJSON], gold_places: Sequence[Places]
) -> None:
    verdicts = [citation["verdict"] for citation in citations] + [flag.verdict for flag in answer.flags]
    verdicts = [verdict for verdict in verdicts if verdict in _QUOTATION_VERDICTS]
    if citations:
        measures["citation_exact"] = (sum(citation["exact"] for citation in citations), len(citations))
        measures["citations"] = (len(citations), 1)
    if verdicts:
        for verdict in _QUOTATION_VERDICTS[1:]:
            measures[f"quotes_{verdict.replace(' ', '_')}"] = (verdicts.count(verdict), len(verdicts))
    if answer.status == "abstained":
        return
    if gold_places and citations:
        measures["citation_precision"] = (sum(bool(citation["right"]) for citation in citations), len(citations))
    if gold_places:
        spans = [(citation["source"], citation["start"], citation["end"]) for citation in citations]
        cited = sum(any(metrics.overlaps(span, place) for span in spans for place in places) for places in gold_places)
        measures["citation_recall"] = (cited, len(gold_places))
    sentences = claim_spans(answer.text)
    if sentences:
        cited_spans = [(citation["answer_start"], citation["answer_end"]) for citation in citations]
        doubtful = [(flag.answer_start, flag.answer_end) for flag in answer.flags if flag.verdict in _UNSUPPORTED]
        supported = sum(_overlaps_any(span, cited_spans) and not _overlaps_any(span, doubtful) for span in sentences)
        measures["supported_sentences"] = (supported, len(sentences))


def _overlaps_any(span: tuple[int, int], others: Sequence[tuple[int, int]]) -> bool:
    return any(span[0] < end and start < span[1] for start, end in others)


def _measure_correctness(
    measures: Measures, question: Question, answer: Answer, citations: Sequence[RunCitationJSON]
) -> None:
    """Records whether the question was declined and, if the gold data allows a decision, whether the response was right."""
    declined = answer.status == "abstained"
    is_right = _is_right(measures, question, declined, citations)
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


def _is_right(measures: Measures, question: Question, declined: bool, citations: Sequence[RunCitationJSON]) -> bool | None:
    if not question.answerable:
        return declined
    if declined:
        return False if question.answers or question.must_mention else None
    is_short = any(len(metrics.normalised(gold).split()) <= _SHORT_ANSWER for gold in question.answers)
    if is_short or question.must_mention:
        return measures["gold_contained"][0] == 1
    # Answers do not repeat a long gold answer word for word, so their citations decide whether they are right.
    overlaps = [citation["right"] for citation in citations if citation["right"] is not None]
    return any(overlaps) if overlaps else None
