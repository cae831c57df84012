"""The JSON output of documents, where it differs from the records."""

from __future__ import annotations

from rag.records import Anchor, Document, DocumentInfo, Failure, Progress, SyncReport
from rag.schemas.documents import document_json, import_progress_json, show_json, sync_json


def test_document() -> None:
    """A document's id is left out, because it changes whenever the document does."""
    info = DocumentInfo(
        source="a.txt",
        title="A",
        author="",
        date="2026",
        media_type="text/plain",
        characters=5,
        passages=1,
        pages=0,
        state="ready",
        root="/r",
        added="2026-01-01",
        content_hash="c0",
        id=7,
    )
    made = document_json(info)

    assert ["source", "title", "author", "date"] == list(made)[:4]
    assert ("id" in made, "ready", "") == (False, made["state"], made["unread_pages"])


def test_show() -> None:
    """A document is printed with its anchors and metadata."""
    document = Document(
        text="One\nTwo", title="T", anchors=(Anchor(4, "p. 2", 2),), metadata={"language": "en"}, source="a.pdf"
    )
    made = show_json(document)

    assert [{"start": 4, "name": "p. 2", "page": 2, "counts": "", "first": 1}] == made["anchors"]
    assert ({"language": "en"}, "One\nTwo") == (made["metadata"], made["text"])


def test_sync() -> None:
    """The schema version comes first."""
    made = sync_json(SyncReport(added=1, failed=(Failure("x", "e", "h"),), held=("y",)))

    assert ("schema_version", [{"source": "x", "error": "e", "hint": "h"}], ["y"]) == (
        next(iter(made)),
        made["failed"],
        made["held"],
    )


def test_import_progress() -> None:
    """`of` is null until the files have been counted; numbers are rounded."""
    made = import_progress_json(Progress(source="a", done=1, total=0, passages=5), 1.26, None)

    assert {"source": "a", "files": 1, "of": None, "passages": 5, "found": 0, "rate": 1.3, "seconds_left": None} == made
