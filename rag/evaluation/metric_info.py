"""Describes every metric for people: section, direction, meaning.

These texts appear in the terminal, in reports and on the page. The formulas are in `rag.evaluation.metrics` and
`rag.evaluation.scoring`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MetricInfo:
    """What people see of a metric in addition to its value.

    Attributes:
        section: Heading that it is listed under.
        direction: 1 if higher is better, -1 if lower is better, 0 if neither.
        meaning: What it measures.
    """

    section: str
    direction: int
    meaning: str


METRICS: Mapping[str, MetricInfo] = {
    "questions": MetricInfo("the set", 0, "questions asked"),
    "answerable": MetricInfo("the set", 0, "questions that the documents answer"),
    "hit@1": MetricInfo("passages", 1, "share of questions whose first passage overlaps a gold quote"),
    "hit@5": MetricInfo("passages", 1, "share of questions with a gold quote in the first five passages"),
    "hit@10": MetricInfo("passages", 1, "share of questions with a gold quote in the first ten passages"),
    "mrr@5": MetricInfo("passages", 1, "mean of 1/rank of the first passage with a gold quote, among five"),
    "mrr@10": MetricInfo("passages", 1, "mean of 1/rank of the first passage with a gold quote, among ten"),
    "recall@5": MetricInfo("passages", 1, "share of gold quotes that the first five passages overlap"),
    "recall@10": MetricInfo("passages", 1, "share of gold quotes that the first ten passages overlap"),
    "precision@5": MetricInfo("passages", 1, "share of the first five passages that overlap a gold quote not yet found"),
    "map@10": MetricInfo("passages", 1, "mean average precision among ten passages"),
    "ndcg@10": MetricInfo("passages", 1, "normalised discounted cumulative gain among ten passages"),
    "span_recall@5": MetricInfo("passages", 1, "share of gold characters that the first five passages contain"),
    "span_precision@5": MetricInfo("passages", 1, "share of the first five passages' characters that are gold"),
    "span_iou@5": MetricInfo("passages", 1, "gold and first five passages: intersection over union, in characters"),
    "doc_hit@1": MetricInfo("documents", 1, "share of questions whose first document is a gold document"),
    "doc_hit@5": MetricInfo("documents", 1, "share of questions with a gold document among the first five"),
    "doc_recall@5": MetricInfo("documents", 1, "share of gold documents among the first five"),
    "doc_recall@10": MetricInfo("documents", 1, "share of gold documents among the first ten"),
    "doc_precision@5": MetricInfo("documents", 1, "share of the first five documents that are gold"),
    "doc_mrr@10": MetricInfo("documents", 1, "mean of 1/rank of the first gold document, among ten"),
    "doc_map@10": MetricInfo("documents", 1, "mean average precision among ten documents"),
    "doc_ndcg@10": MetricInfo("documents", 1, "normalised discounted cumulative gain among ten documents"),
    "right": MetricInfo(
        "answers", 1, "share answered or declined correctly (if gold has over 12 words: a citation overlaps its quote)"
    ),
    "gold_contained": MetricInfo(
        "answers", 1, "share of answerable questions whose answer contains a gold string and everything it must mention"
    ),
    "gold_contained_if_answered": MetricInfo("answers", 1, "the same, of the answerable questions that were answered"),
    "must_mention": MetricInfo("answers", 1, "share of required mentions that answers contain"),
    "em": MetricInfo("answers", 1, "share of answers equal to gold (SQuAD exact match); unanswerable: declined"),
    "f1": MetricInfo("answers", 1, "word overlap of answer and gold (SQuAD F1); unanswerable: declined"),
    "rouge_l": MetricInfo("answers", 1, "longest common subsequence of words with the gold answer (ROUGE-L)"),
    "sentences": MetricInfo("answers", 0, "mean number of citations in an answer"),
    "citations": MetricInfo("citations", 0, "number of citations"),
    "citation_exact": MetricInfo(
        "citations", 1, "share of citations whose quote equals the document's text; below 1 is a defect of rag"
    ),
    "quotes_normalised": MetricInfo(
        "citations", 0, "share of quotations that differ from the source only in spaces, quotation marks or dashes"
    ),
    "quotes_misattributed": MetricInfo("citations", -1, "share of quotations found in another document than the one cited"),
    "quotes_not_found": MetricInfo("citations", -1, "share of quotations found in no document"),
    "citation_precision": MetricInfo("citations", 1, "share of citations that overlap a gold quote"),
    "citation_recall": MetricInfo("citations", 1, "share of gold quotes that a citation overlaps"),
    "supported_sentences": MetricInfo("citations", 1, "share of answer sentences that a citation supports"),
    "refusal_recall": MetricInfo("declining", 1, "share of unanswerable questions that were declined"),
    "refusal_precision": MetricInfo("declining", 1, "share of declined questions that are unanswerable"),
    "false_refusals": MetricInfo("declining", -1, "share of answerable questions that were declined"),
    "risk": MetricInfo("declining", -1, "share of given answers that are wrong"),
    "aurc": MetricInfo("declining", -1, "area under the risk-coverage curve: mean risk over all shares answered"),
    "auroc": MetricInfo("declining", 1, "how well the evidence score separates answerable from unanswerable questions"),
    "correctness": MetricInfo("the judge", 1, "how correct the answer is given the gold answer, as judged by the model"),
    "groundedness": MetricInfo("the judge", 1, "how far the cited text supports the answer, as judged by the model"),
    "judge_failed": MetricInfo("the judge", -1, "share of verdicts that the judge failed to give"),
    "judge_agreement": MetricInfo("the judge", 0, "share of pairs of repeats with the same verdict"),
    "p50_ms": MetricInfo("time and cost", 0, "time per answer, median, milliseconds"),
    "p90_ms": MetricInfo("time and cost", 0, "time per answer, 90th percentile, milliseconds"),
    "p99_ms": MetricInfo("time and cost", 0, "time per answer, 99th percentile, milliseconds"),
    "tokens_in": MetricInfo("time and cost", 0, "mean number of tokens sent to the model per question"),
    "tokens_out": MetricInfo("time and cost", 0, "mean number of tokens the model wrote per question"),
    "cost_usd": MetricInfo("time and cost", 0, "total cost of the model, US dollars"),
}
