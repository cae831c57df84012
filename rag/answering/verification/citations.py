"""Makes a citation of exact characters of a hit's document."""

from __future__ import annotations

from rag.records import Citation, Hit, Verdict


def cite(hit: Hit, span: tuple[int, int], quote: str, *, n: int, verdict: Verdict, claim: tuple[int, int]) -> Citation:
    """Returns a citation. Its page and locator are completed once the answer is complete.

    Args:
        hit: The passage, whose document is cited.
        span: The cited characters [start, end) of the document.
        quote: The text of that span.
        n: Number shown.
        verdict: How well it supports the claim.
        claim: The claim's characters [start, end) in the answer.
    """
    return Citation(
        n=n,
        source=hit.source,
        title=hit.title,
        locator=hit.heading,
        page=hit.page,
        start=span[0],
        end=span[1],
        quote=quote,
        verdict=verdict,
        answer_start=claim[0],
        answer_end=claim[1],
        document_id=hit.document_id,
    )
