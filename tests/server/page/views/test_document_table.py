"""The table of documents, and the progress and outcome of imports."""

from __future__ import annotations

import pytest

from rag.records import Failure, Progress, SyncReport
from rag.server.page.views import document_table

from .samples import HOSTILE, assert_only_page_markup, info


@pytest.mark.parametrize("text", HOSTILE)
def test_untrusted_text_becomes_no_markup(text: str) -> None:
    """In titles, sources, authors, dates, errors and hints."""
    facts = {"author": text, "date": text, "added": text, "error": text, "hint": text, "unread_pages": text}
    infos = [info(text, state=state, id=n, **facts) for n, state in enumerate(("failed", "ready"))]

    assert_only_page_markup(document_table.table_markup(infos, "", "by name")[0])
    assert_only_page_markup(document_table.import_markup(SyncReport(failed=(Failure(text, text, text),))))


def test_an_empty_library_names_the_first_steps() -> None:
    """The table says how to add documents."""
    assert "add the sample document" in document_table.table_markup([], "", "by name")[0]


def test_the_table_is_limited_searched_and_sorted() -> None:
    """A hundred rows, with the names in their order; all words must match; failed documents come first on request."""
    infos = [info(f"{n}.txt", date=f"2025-01-{n % 28 + 1:02}") for n in range(500)] + [info("zz.pdf", state="failed")]
    markup, names = document_table.table_markup(infos, "", "problems first")
    assert "zz.pdf" == names[0]
    assert 100 == len(names) == markup.count("<tr><td>")
    assert "and 401 more" in markup

    assert ["123.txt"] == document_table.table_markup(infos, "123 TXT", "by name")[1]
    assert "No documents match" in document_table.table_markup(infos, "nothing like it", "by name")[0]
    newest = document_table.table_markup(infos, "", "by document date")[1][0]
    assert "2025-01-28" == next(i.date for i in infos if i.source == newest)


def test_documents_of_one_name_are_told_apart() -> None:
    """By their full paths."""
    infos = [info("a.txt", root="/x"), info("a.txt", root="/y"), info("b.txt", root="/x")]
    assert ["/x/a.txt", "/y/a.txt", "b.txt"] == list(document_table.documents_by_name(infos))


def test_the_summary_counts_by_state() -> None:
    """Documents that are being embedded count as documents; failed ones do not."""
    infos = [info("a"), info("b", state="embedding"), info("c", state="failed")]
    assert "2 documents · 1 being embedded · 1 failed" == document_table.summary_text(infos)
    assert "1 document" == document_table.summary_text(infos[:1])


def test_the_stage_of_an_import() -> None:
    """Reading until there are passages; then how many there are and how many are found already."""
    assert "reading" == document_table.stage_text(None)
    progress = Progress(source="a", done=0, total=1, passages=1200, found=30)
    assert "embedding 1,200 passages; 30 can already be found by keyword" == document_table.stage_text(progress)


def test_the_outcome_of_an_import() -> None:
    """Counts of what happened; an import without effect says so."""
    markup = document_table.import_markup(SyncReport(added=2, unchanged=1, passages=1))
    assert "<p>✓ ready: 2 added, 1 unchanged, 1 passage embedded</p>" == markup
    assert "Nothing to add" in document_table.import_markup(SyncReport())
