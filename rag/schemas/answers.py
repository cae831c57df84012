"""What outside programs rely on: the shape of every `--json` output. Fields are added, never renamed.

The JSON Schemas in `docs/schemas/` are made from these types, and a test holds them equal.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from typing_extensions import TypedDict  # pydantic, which makes the schemas, needs this one before Python 3.12

from rag.answering.citation_trace import CitationTrace, SavedCitation
from rag.errors import SourceError
from rag.records import Answer, Citation, DocumentInfo, Explanation, Health, Hit, ReindexReport, SyncReport

SCHEMA_VERSION = 1


class HitJSON(TypedDict):
    """A passage that was found; `ranks` says why."""

    source: str
    title: str
    page: int | None
    start: int
    end: int
    score: float
    text: str
    heading: str
    author: str
    date: str
    dense: float | None
    lexical: float
    dense_rank: int | None
    lexical_rank: int | None
    also_in: list[str]
    locator: str


class CitationJSON(TypedDict):
    """A reference to exact characters of a document."""

    n: int
    source: str
    title: str
    locator: str
    page: int | None
    start: int
    end: int
    quote: str
    verdict: str
    answer_start: int
    answer_end: int
    content_hash: str


class FlagJSON(TypedDict):
    """A claim or quotation that did not pass."""

    said: str
    verdict: str
    answer_start: int
    answer_end: int
    note: str


class AskJSON(TypedDict):
    """`rag ask Q --json`."""

    schema_version: int
    question: str
    searched: str
    answer: str
    status: str
    model: str
    evidence: float
    notice: str
    citations: list[CitationJSON]
    flags: list[FlagJSON]
    hits: list[HitJSON]
    read: int
    timings_ms: dict[str, float]
    usage: dict[str, int]


class PlaceJSON(TypedDict):
    """Where an expected text stands, and how far its passage came."""

    source: str
    page: int | None
    locator: str
    start: int
    end: int
    passages: int
    rank: int | None
    dense_rank: int | None
    lexical_rank: int | None
    stands_in: str
    stage: str


class WhyJSON(TypedDict):
    """`rag why Q --expect TEXT --json`."""

    schema_version: int
    question: str
    expected: str
    stage: str
    why: str
    hint: str
    places: list[PlaceJSON]
    searched: list[str]
    answer: AskJSON


class SearchJSON(TypedDict):
    """`rag search Q --json`."""

    schema_version: int
    question: str
    notice: str
    hits: list[HitJSON]
    timings_ms: dict[str, float]


class FailureJSON(TypedDict):
    """A document that could not be taken in."""

    source: str
    error: str
    hint: str


class TraceJSON(TypedDict):
    """What became of one saved citation."""

    n: int
    source: str
    state: str
    start: int
    end: int
    was: str
    now: str


class VerifyJSON(TypedDict):
    """`rag verify FILE --json`."""

    schema_version: int
    question: str
    citations: list[TraceJSON]


class SyncJSON(TypedDict):
    """`rag add … --json` and `rag sync … --json`."""

    schema_version: int
    added: int
    updated: int
    unchanged: int
    removed: int
    failed: list[FailureJSON]
    held: list[str]
    ignored: int
    passages: int
    seconds: float


class ReindexJSON(TypedDict):
    """`rag reindex --json`."""

    schema_version: int
    documents: int
    passages: int
    embedder: str
    splitter: str
    switched: bool
    seconds: float


class DocumentJSON(TypedDict):
    """One element of `rag ls --json`."""

    source: str
    title: str
    author: str
    date: str
    media_type: str
    characters: int
    passages: int
    pages: int
    state: str
    root: str
    added: str
    content_hash: str
    error: str
    hint: str
    language: str
    unread_pages: str


class DoctorJSON(TypedDict):
    """`rag doctor --json`."""

    schema_version: int
    index: str
    documents: int
    passages: int
    waiting: int
    vectors_in_chroma: int | None
    embedder: str
    versions: dict[str, str]
    problems: list[str]
    repaired: list[str]
    chroma_holder: str


def ask_json(answer: Answer) -> AskJSON:
    """The contract of an answer."""
    return {
        "schema_version": SCHEMA_VERSION,
        "question": answer.question,
        "searched": answer.searched,
        "answer": answer.text,
        "status": answer.status,
        "model": answer.model,
        "evidence": answer.evidence,
        "notice": answer.notice,
        "citations": [citation_json(citation) for citation in answer.citations],
        "flags": [FlagJSON(**asdict(flag)) for flag in answer.flags],  # type: ignore[typeddict-item]
        "hits": [hit_json(hit) for hit in answer.hits],
        "read": answer.read,
        "timings_ms": dict(answer.timings_ms),
        "usage": dict(answer.usage),
    }


def why_json(reason: Explanation) -> WhyJSON:
    """The contract of a reason."""
    return {
        "schema_version": SCHEMA_VERSION,
        "question": reason.question,
        "expected": reason.expected,
        "stage": reason.stage,
        "why": reason.why,
        "hint": reason.hint,
        "places": [PlaceJSON(**asdict(place)) for place in reason.places],  # type: ignore[typeddict-item]
        "searched": list(reason.searched),
        "answer": ask_json(reason.answer),
    }


def hit_json(hit: Hit) -> HitJSON:
    """The contract of a hit."""
    values = asdict(hit)
    del values["document_id"]  # of this index only
    values.update(values.pop("ranks"), also_in=list(hit.also_in))
    return HitJSON(**values)  # type: ignore[no-any-return, typeddict-item]  # asdict tells no types


def citation_json(citation: Citation) -> CitationJSON:
    """The contract of a citation."""
    values = asdict(citation)
    del values["document_id"]  # of this index only
    return CitationJSON(**values)  # type: ignore[no-any-return, typeddict-item]


def sync_json(report: SyncReport) -> SyncJSON:
    """The contract of an import."""
    values = asdict(report)
    values.update(failed=[asdict(failure) for failure in report.failed], held=list(report.held))
    return SyncJSON(schema_version=SCHEMA_VERSION, **values)  # type: ignore[no-any-return, typeddict-item]


def reindex_json(report: ReindexReport) -> ReindexJSON:
    """The contract of a reindexing."""
    return ReindexJSON(schema_version=SCHEMA_VERSION, **asdict(report))  # type: ignore[no-any-return, typeddict-item]


def document_json(info: DocumentInfo) -> DocumentJSON:
    """The contract of a row of the document list."""
    facts = asdict(info)
    del facts["id"]  # another after each change of the document
    return DocumentJSON(**facts)  # type: ignore[no-any-return, typeddict-item]


def doctor_json(health: Health) -> DoctorJSON:
    """The contract of a check-up."""
    values = asdict(health)
    values.update(problems=list(health.problems), repaired=list(health.repaired), versions=dict(health.versions))
    return DoctorJSON(schema_version=SCHEMA_VERSION, **values)  # type: ignore[no-any-return, typeddict-item]


def verify_json(question: str, traces: Sequence[tuple[SavedCitation, CitationTrace]]) -> VerifyJSON:
    """The contract of saved citations looked at again."""
    return {
        "schema_version": SCHEMA_VERSION,
        "question": question,
        "citations": [
            {"n": saved.n, "source": saved.source, "state": trace.state, "start": trace.start, "end": trace.end,
             "was": saved.quote, "now": trace.now}
            for saved, trace in traces
        ],
    }  # fmt: skip


def saved_answer(printed: str) -> tuple[str, list[SavedCitation]]:
    """The question and the citations of an answer that `rag ask --json` printed.

    Raises:
        SourceError: It is no such answer.
    """
    try:
        saved = json.loads(printed)
        return str(saved["question"]), [
            SavedCitation(
                int(c["n"]), str(c["source"]), int(c["start"]), int(c["end"]), str(c["quote"]),
                str(c.get("content_hash", "")),
            )
            for c in saved["citations"]
        ]  # fmt: skip
    except (ValueError, TypeError, KeyError, AttributeError):
        raise SourceError("this is no answer of `rag ask --json`", "save one with: rag ask … --json > FILE") from None
