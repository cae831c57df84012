"""Removed documents are deleted with everything that belongs to them."""

from __future__ import annotations

from rag.index.catalog import Catalog

from ..samples import add, stage

TABLES = ("documents", "texts", "passages", "vectors", "landmarks", "cuts", "words_1")


def _rows(catalog: Catalog) -> dict[str, int]:
    return {table: catalog._db.query(f"SELECT count(*) FROM {table}")[0][0] for table in TABLES}


def test_a_removed_document_leaves_no_row(catalog: Catalog) -> None:
    """Its passages, terms, vectors and text go; the other document's stay, and the counts are right."""
    add(catalog, "kept", "One stays.", axes=[0])
    before = _rows(catalog)
    removed, _ = add(catalog, "removed", "Two go.", "Both.", axes=[1, 2])

    catalog.documents.hide([removed])

    assert 2 == catalog.sweep(unfinished_too=False)
    assert before == _rows(catalog)
    assert (1, 2) == catalog.passages.totals()
    assert [] == catalog.problems()
    assert 0 == catalog.sweep(unfinished_too=False)


def test_unfinished_revisions_are_swept_on_request_only(catalog: Catalog) -> None:
    """They may be another process's work in progress; the holder of the import lock knows that they are not."""
    stage(catalog, "unfinished", "Half a document.")

    assert 0 == catalog.sweep(unfinished_too=False)
    assert 1 == _rows(catalog)["documents"]

    assert 1 == catalog.sweep(unfinished_too=True)
    assert dict.fromkeys(TABLES, 0) == _rows(catalog)


def test_originals_live_as_long_as_a_document(catalog: Catalog) -> None:
    """Bytes without a document are deleted."""
    document_id, _ = add(catalog, "page", "One.", axes=[0])
    content_hash = catalog.documents.content_hash(document_id)
    catalog.files.keep_original(content_hash, b"<p>One.")
    catalog.files.keep_original("of nothing", b"?")

    catalog.sweep(unfinished_too=True)
    assert (b"<p>One.", None) == (catalog.files.original(content_hash), catalog.files.original("of nothing"))

    catalog.documents.hide([document_id])
    catalog.sweep(unfinished_too=True)
    assert catalog.files.original(content_hash) is None
