"""Citations of a hit's document."""

from __future__ import annotations

from rag.answering.verification.citations import cite
from rag.records import Citation, Hit, Ranks


def test_a_citation_of_a_part_of_a_hit() -> None:
    """Source, title and page are the hit's; the heading is where to look until the locator is known."""
    hit = Hit(
        source="kemi.pdf", title="Kemi", page=3, start=100, end=140, score=0.5, text="x" * 40, heading="History",
        author="A", date="1951", ranks=Ranks(None, 0.0, None, None), document_id=7,
    )  # fmt: skip

    assert cite(hit, (110, 120), "xxxxxxxxxx", n=2, verdict="exact", claim=(5, 15)) == Citation(
        n=2, source="kemi.pdf", title="Kemi", locator="History", page=3, start=110, end=120, quote="xxxxxxxxxx",
        verdict="exact", answer_start=5, answer_end=15, document_id=7, content_hash="",
    )  # fmt: skip
