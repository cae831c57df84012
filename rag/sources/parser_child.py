"""Parses files in a separate process with limited memory. Receives bytes over a pipe, and returns documents or pictures.

    python -P -m rag.sources.parser_child [--ocr]

The process cannot write files, and it ends when the pipe is closed. With --ocr, it recognises the text on scanned pages. It
sends a heartbeat after each such page to show that it is still working.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import Any

from rag.child_process import ParentConnection, limit_this_process
from rag.errors import ReadError
from rag.records import Anchor
from rag.sources.decoding import ocr
from rag.sources.decoding.text import in_utf8
from rag.sources.parser_process import encode_reply
from rag.sources.parsers import parse

_MEMORY = 1_200_000_000  # bytes of address space, a third of which the libraries need
_MEMORY_PER_BYTE = 8  # additional bytes allowed for each byte in the file
_MEMORY_OCR = 2_500_000_000  # additional bytes allowed for the text recognition engine


def main(parent: ParentConnection) -> None:
    """Serves requests until the parent closes the pipe."""
    for message, data in parent.requests():
        limit_s = float(message["limit_s"])
        _limit(len(data), limit_s)
        ocr.set_after_page(partial(_after_page, parent, len(data), limit_s))
        try:
            if "page" in message:
                parent.reply({}, _picture(message, data))
            else:
                name, charset = str(message["name"]), str(message["charset"])
                parent.reply(*encode_reply(parse(in_utf8(data, charset), name)))
        except ReadError as error:
            parent.reply({"error": str(error), "hint": error.hint})
        except MemoryError:
            parent.reply({"error": "out of memory", "hint": "", "memory": True})


def _picture(message: dict[str, Any], data: bytes) -> bytes:
    from rag.sources.parsers.pdf import picture

    anchors = [Anchor(start, "", page) for start, page in message["anchors"]]
    return picture(data, anchors, message["page"], message["spans"])


def _after_page(parent: ParentConnection, size: int, limit_s: float) -> None:
    """Restarts the limits after a page whose text has been recognised, which takes seconds."""
    _limit(size, limit_s)
    parent.heartbeat()


def _limit(size: int, limit_s: float) -> None:
    """Limits memory in proportion to the file's size in bytes, and processor time."""
    memory = _MEMORY + _MEMORY_PER_BYTE * size
    if ocr.is_on():  # the recognition engine uses all cores at once
        memory, limit_s = memory + _MEMORY_OCR, limit_s * (os.cpu_count() or 1)
    limit_this_process(memory, limit_s)


if __name__ == "__main__":
    connection = ParentConnection.open()
    sys.setrecursionlimit(3_000)
    if "--ocr" in sys.argv[1:]:
        ocr.turn_on()
    main(connection)
