"""Describes each metric: the section it is listed in, whether higher values are better, and what it measures.

The texts appear in the terminal, in reports and in the web interface. The formulas are in `rag.evaluation.metrics` and
`rag.evaluation.scoring`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MetricInfo:
    """The description that is displayed with a metric's value.

    Attributes:
        section: Heading that the metric is listed under.
        direction: 1 if higher is better, -1 if lower is better, 0 if neither.
        meaning: What the metric measures.
    """

    section: str
    direction: int
    meaning: str


METRICS: Mapping[str, MetricInfo] = {
    "questions": MetricInfo("test set", 0, "number of questions asked"),
    "answerable": MetricInfo("test set", 0, "number of questions that the documents answer"),
    "hit@1": MetricInfo("passages", 1, "share of questions for which the first passage overlaps a gold quote"),
    "hit@5": MetricInfo("passages", 1, "share of questions for which one of the first five passages overlaps a gold quote"),
    "hit@10": MetricInfo("passages", 1, "share of questions for which one of the first ten passages overlaps a gold quote"),
    "mrr@5": MetricInfo("passages", 1, "mean of 1/rank of the first passage that overlaps a gold quote, up to rank five"),
    "mrr@10": MetricInfo("passages", 1, "mean of 1/rank of the first passage that overlaps a gold quote, up to rank ten"),
    "recall@5": MetricInfo("passages", 1, "share of gold quotes that the first five passages overlap"),
    "recall@10": MetricInfo("passages", 1, "share of gold quotes that the first ten passages overlap"),
    "precision@5": MetricInfo(
        "passages", 1, "share of the first five passages that overlap a gold quote which no earlier passage overlaps"
    ),
    "map@10": MetricInfo("passages", 1, "mean average precision over the first ten passages"),
    "ndcg@10": MetricInfo("passages", 1, "normalised discounted cumulative gain over the first ten passages"),
    "span_recall@5": MetricInfo("passages", 1, "share of the gold quotes' characters that the first five passages contain"),
    "span_precision@5": MetricInfo(
        "passages", 1, "share of the first five passages' characters that belong to gold quotes"
    ),
    "span_iou@5": MetricInfo(
        "passages", 1, "intersection over union of the first five passages and the gold quotes, in characters"
    ),
    "doc_hit@1": MetricInfo("documents", 1, "share of questions for which the first document found is a gold document"),
    "doc_hit@5": MetricInfo(
        "documents", 1, "share of questions for which one of the first five documents is a gold document"
    ),
    "doc_recall@5": MetricInfo("documents", 1, "share of the gold documents that are among the first five documents found"),
    "doc_recall@10": MetricInfo("documents", 1, "share of the gold documents that are among the first ten documents found"),
    "doc_precision@5": MetricInfo("documents", 1, "share of the first five documents that are gold documents"),
    "doc_mrr@10": MetricInfo("documents", 1, "mean of 1/rank of the first gold document, up to rank ten"),
    "doc_map@10": MetricInfo("documents", 1, "mean average precision over the first ten documents"),
    "doc_ndcg@10": MetricInfo("documents", 1, "normalised discounted cumulative gain over the first ten documents"),
    "right": MetricInfo(
        "answers",
        1,
        "share of questions answered or declined correctly; if the gold answers are longer than 12 words, an answer is "
        "correct if a citation overlaps a gold quote",
    ),
    "gold_contained": MetricInfo(
        "answers", 1, "share of answerable questions whose answer contains a gold answer and all required strings"
    ),
    "gold_contained_if_answered": MetricInfo(
        "answers", 1, "gold_contained, counting only the answerable questions that were answered"
    ),
    "must_mention": MetricInfo("answers", 1, "share of the required strings that answers contain"),
    "em": MetricInfo(
        "answers",
        1,
        "share of answers equal to a gold answer (SQuAD exact match); a declined unanswerable question counts as 1",
    ),
    "f1": MetricInfo(
        "answers", 1, "word overlap between answer and gold answer (SQuAD F1); a declined unanswerable question counts as 1"
    ),
    "short_em": MetricInfo("answers", 1, "the short answer is a gold answer, if there is a short answer"),
    "short_f1": MetricInfo("answers", 1, "F1 of the short answer's words and a gold answer's, if there is a short answer"),
    "rouge_l": MetricInfo("answers", 1, "longest sequence of words shared by the answer and a gold answer (ROUGE-L)"),
    "sentences": MetricInfo("answers", 0, "mean number of citations per answer"),
    "citations": MetricInfo("citations", 0, "number of citations"),
    "citation_exact": MetricInfo(
        "citations", 1, "share of citations whose quote equals the document's text; a value below 1 means a bug in rag"
    ),
    "quotes_normalised": MetricInfo(
        "citations", 0, "share of quotations that differ from the source only in spaces, quotation marks or dashes"
    ),
    "quotes_misattributed": MetricInfo("citations", -1, "share of quotations found in a document other than the one cited"),
    "quotes_not_found": MetricInfo("citations", -1, "share of quotations found in no document"),
    "citation_precision": MetricInfo("citations", 1, "share of citations that overlap a gold quote"),
    "citation_recall": MetricInfo("citations", 1, "share of gold quotes that a citation overlaps"),
    "supported_sentences": MetricInfo("citations", 1, "share of answer sentences that a citation supports"),
    "refusal_recall": MetricInfo("declining", 1, "share of unanswerable questions that were declined"),
    "refusal_precision": MetricInfo("declining", 1, "share of declined questions that are unanswerable"),
    "false_refusals": MetricInfo("declining", -1, "share of answerable questions that were declined"),
    "risk": MetricInfo("declining", -1, "share of wrong answers among the answers given"),
    "aurc": MetricInfo(
        "declining", -1, "area under the risk-coverage curve: risk averaged over all shares of questions answered"
    ),
    "auroc": MetricInfo("declining", 1, "how well the evidence score separates answerable from unanswerable questions"),
    "correctness": MetricInfo(
        "judge", 1, "how correct the answers are compared with the gold answers, according to the judge"
    ),
    "groundedness": MetricInfo("judge", 1, "how well the cited text supports the answers, according to the judge"),
    "judge_failed": MetricInfo("judge", -1, "share of requests to which the judge gave no valid verdict"),
    "judge_agreement": MetricInfo("judge", 0, "how often two repeats of the same request give the same verdict"),
    "p50_ms": MetricInfo("time and cost", 0, "median time per answer, in milliseconds"),
    "p90_ms": MetricInfo("time and cost", 0, "90th percentile of the time per answer, in milliseconds"),
    "p99_ms": MetricInfo("time and cost", 0, "99th percentile of the time per answer, in milliseconds"),
    "tokens_in": MetricInfo("time and cost", 0, "mean number of input tokens per question"),
    "tokens_out": MetricInfo("time and cost", 0, "mean number of output tokens per question"),
    "cost_usd": MetricInfo("time and cost", 0, "total cost of using the model, in US dollars"),
}
