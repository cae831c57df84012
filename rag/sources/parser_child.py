"""Parses files in a separate process with limited memory. Receives bytes over a pipe, and returns documents or pictures.

    python -P -m rag.sources.parser_child [--ocr]

The process cannot write files, and it ends when the pipe is closed. With --ocr, it recognises the text on scanned pages and
sends a heartbeat after each page to show that it is still working.
"""

from __future__ import annotations

import sys
from typing import Any

from rag.child_process import ParentConnection
from rag.errors import ReadError
from rag.records import Anchor
from rag.sources.decoding import ocr
from rag.sources.parser_process import encode_reply
from rag.sources.parsers import parse

_MEMORY = 1_200_000_000  # bytes of address space, a third of which the libraries need
_MEMORY_PER_BYTE = 8  # additional bytes allowed for each byte in the file
_MEMORY_OCR = 2_500_000_000  # additional bytes allowed for the text recognition engine
_OUT_OF_MEMORY = {
    "error": "parsing it takes too much memory",
    "hint": "split it into smaller files, or save it as plain text",
}


def main(parent: ParentConnection) -> None:
    """Serves requests until the parent closes the pipe."""
    for message, data in parent.requests():
        _limit_memory(len(data))
        try:
            if "page" in message:
                parent.reply({}, _picture(message, data))
            else:
                parent.reply(*encode_reply(parse(data, str(message["name"]))))
        except ReadError as error:
            parent.reply({"error": str(error), "hint": error.hint})
        except MemoryError:
            parent.reply(_OUT_OF_MEMORY)


def _picture(message: dict[str, Any], data: bytes) -> bytes:
    from rag.sources.parsers.pdf import picture

    anchors = [Anchor(start, "", page) for start, page in message["anchors"]]
    return picture(data, anchors, message["page"], message["spans"])


def _limit_memory(size: int) -> None:
    """Limits memory in proportion to the file's size in bytes. Windows has no such limit, so only time is limited there."""
    try:
        import resource
    except ImportError:  # Windows
        return
    most = _MEMORY + _MEMORY_PER_BYTE * size + (_MEMORY_OCR if ocr.is_on() else 0)
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


if __name__ == "__main__":
    connection = ParentConnection.open()
    sys.setrecursionlimit(3_000)
    if "--ocr" in sys.argv[1:]:
        ocr.turn_on(connection.heartbeat)
    main(connection)
