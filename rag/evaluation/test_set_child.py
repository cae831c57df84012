"""Parses test sets in a separate process with limited memory and time. Receives bytes, and returns questions and documents.

python -P -m rag.evaluation.test_set_child
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rag.child_process import ParentConnection, limit_this_process
from rag.errors import SetError
from rag.evaluation.test_set_formats import ParsedSet, parse_beir, parse_corpus, parse_set

_MEMORY = 1_000_000_000  # bytes of address space
_MEMORY_PER_BYTE = 40  # additional bytes allowed for each byte in the files
_DOCUMENT_FIELDS = ("text", "title", "author", "date", "source")


def main(parent: ParentConnection) -> None:
    """Serves requests until the parent closes the pipe."""
    for message, payload in parent.requests():
        limit_this_process(_MEMORY + _MEMORY_PER_BYTE * len(payload), float(message["limit_s"]))
        path = str(message["path"])
        try:
            parent.reply(_encoded(_parse(message, payload, path)))
        except SetError as error:
            parent.reply({"error": str(error), "hint": error.hint})
        except (MemoryError, RecursionError):
            parent.reply({"error": f"parsing {path} takes too much memory", "hint": "split it into smaller files"})


def _parse(message: dict[str, Any], payload: bytes, path: str) -> ParsedSet:
    first = payload[: message["sizes"][0]]
    match message["kind"]:
        case "beir":
            return parse_beir(first, payload[len(first) :], path)
        case "corpus":
            return parse_corpus(first, path)
        case _:
            return parse_set(first, path)


def _encoded(parsed: ParsedSet) -> dict[str, Any]:
    documents = parsed.documents
    return {
        "questions": [asdict(question) for question in parsed.questions],
        "documents": documents and [{name: getattr(document, name) for name in _DOCUMENT_FIELDS} for document in documents],
    }


if __name__ == "__main__":
    main(ParentConnection.open())
