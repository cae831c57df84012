"""The JSON output of the commands that add, list, show and remove documents, and the JSON for an import's progress."""

from __future__ import annotations

from rag.records import Document, DocumentInfo, Progress, SyncReport
from rag.schemas.contract import Contract, JSONObject, Versioned, derive, to_json

DocumentJSON = derive(DocumentInfo, without="id")  # a document gets a new id each time it changes
ShowJSON = derive(Document)
SyncJSON = derive(SyncReport, base=Versioned)


class RemoveJSON(Contract):
    """The number of documents removed."""

    removed: int


class ImportProgressJSON(Contract):
    """An import's progress. `of` is null until the files have been counted. `rate` is in passages per second."""

    source: str
    files: int
    of: int | None
    passages: int
    found: int
    rate: float
    seconds_left: float | None


def sync_json(report: SyncReport) -> JSONObject:
    """Returns the result of an import as JSON."""
    return to_json(SyncJSON, report)


def document_json(info: DocumentInfo) -> JSONObject:
    """Returns an entry in the list of documents as JSON."""
    return to_json(DocumentJSON, info)


def show_json(document: Document) -> JSONObject:
    """Returns a document with its text and anchors as JSON."""
    return to_json(ShowJSON, document)


def remove_json(removed: int) -> JSONObject:
    """Returns the number of documents removed as JSON."""
    return to_json(RemoveJSON, {"removed": removed})


def import_progress_json(progress: Progress, rate: float, seconds_left: float | None) -> JSONObject:
    """Returns an import's progress as JSON.

    Args:
        progress: The import's progress.
        rate: Passages embedded per second.
        seconds_left: Estimated number of seconds until the import ends, if it continues at this speed; None if unknown.
    """
    values = {
        "source": progress.source,
        "files": progress.done,
        "of": progress.total or None,
        "passages": progress.passages,
        "found": progress.found,
        "rate": round(rate, 1),
        "seconds_left": None if seconds_left is None else round(seconds_left, 1),
    }
    return to_json(ImportProgressJSON, values)
