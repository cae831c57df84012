"""Creates a citation of an exact span of characters in a hit's document."""

from __future__ import annotations

from rag.records import Citation, Hit, Verdict


def cite(hit: Hit, span: tuple[int, int], quote: str, *, n: int, verdict: Verdict, claim: tuple[int, int]) -> Citation:
    """Returns a citation. Its page and locator are filled in once the answer is complete.

    Args:
        hit: The passage, which determines the cited document.
        span: The cited characters [start, end) in the document.
        quote: The text of that span.
        n: The citation number that readers see.
        verdict: How well the quote supports the claim.
        claim: The position [start, end) of the claim in the answer.
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
