"""The JSON output of `rag ask`, `rag search`, `rag why` and `rag verify`."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rag.answering.verification.citation_trace import CitationTrace, SavedCitation, State
from rag.errors import SourceError
from rag.records import Answer, Citation, Explanation, Hit, SearchResult
from rag.schemas.contract import Contract, JSONObject, Versioned, derive, to_json

# All JSON output leaves out document ids, because they are valid only within one index.
HitJSON = derive(
    Hit,
    "source title page start end score text heading author date also_in locator"
    " dense=ranks.dense lexical=ranks.lexical dense_rank=ranks.dense_rank lexical_rank=ranks.lexical_rank"
    " answers short_start short_end",
    without="document_id",
)
CitationJSON = derive(Citation, without="document_id")
AskJSON = derive(
    Answer,
    "question searched answer=text status model evidence notice citations flags hits read timings_ms usage short",
    nested={Citation: CitationJSON, Hit: HitJSON},
    base=Versioned,
)
WhyJSON = derive(Explanation, nested={Answer: AskJSON}, base=Versioned)


class _Question(Versioned):
    question: str = ""


SearchJSON = derive(SearchResult, "notice hits timings_ms", nested={Hit: HitJSON}, base=_Question)


class TraceJSON(Contract):
    """A saved citation, and the text that is now in its place."""

    n: int
    source: str
    state: State
    start: int
    end: int
    was: str
    now: str


class VerifyJSON(Versioned):
    """The citations in a saved answer, checked against the current documents."""

    question: str
    citations: tuple[TraceJSON, ...]


def ask_json(answer: Answer) -> JSONObject:
    """Returns an answer as JSON."""
    return to_json(AskJSON, answer)


def search_json(question: str, found: SearchResult) -> JSONObject:
    """Returns a search result as JSON."""
    return to_json(SearchJSON, found, question=question)


def why_json(explanation: Explanation) -> JSONObject:
    """Returns an explanation as JSON."""
    return to_json(WhyJSON, explanation)


def hit_json(hit: Hit) -> JSONObject:
    """Returns a hit as JSON. The scores and ranks become fields of the hit instead of a nested object."""
    return to_json(HitJSON, hit)


def verify_json(question: str, traces: Sequence[tuple[SavedCitation, CitationTrace]]) -> JSONObject:
    """Returns saved citations as JSON, each with its state and the text that is now in its place."""
    citations = tuple(
        TraceJSON(
            n=saved.n,
            source=saved.source,
            state=trace.state,
            start=trace.start,
            end=trace.end,
            was=saved.quote,
            now=trace.now,
        )
        for saved, trace in traces
    )
    return to_json(VerifyJSON, {"question": question, "citations": citations})


def saved_answer(printed: str) -> tuple[str, list[SavedCitation]]:
    """Returns the question and the citations from the output of `rag ask --json`.

    Raises:
        SourceError: The text is not the output of `rag ask --json`.
    """
    try:
        saved = json.loads(printed)
        return str(saved["question"]), [
            SavedCitation(
                n=int(c["n"]),
                source=str(c["source"]),
                start=int(c["start"]),
                end=int(c["end"]),
                quote=str(c["quote"]),
                content_hash=str(c.get("content_hash", "")),
            )
            for c in saved["citations"]
        ]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise SourceError(
            "the input is not an answer printed by `rag ask --json`", "save an answer with: rag ask … --json > FILE"
        ) from None
