"""The process that reads files: bytes come over a pipe, documents or pictures go back. It has little memory and no files.

    python -P -m rag.sources.parser_child [--ocr]

With --ocr it recognises pages that are pictures, and says after each that it is still at work. It ends when its pipe does.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any, BinaryIO

from rag.child_process import receive, send
from rag.errors import ReadError
from rag.records import Anchor
from rag.sources.decoding import ocr
from rag.sources.parser_process import sent
from rag.sources.parsers import contents

_MEMORY = 1_200_000_000  # bytes of address space, a third of it for libraries; and for each byte of the file
_MEMORY_A_BYTE = 8
_MEMORY_OCR = 2_500_000_000  # beyond it, for the engine that recognises pages
_TOO_MUCH = ("reading it takes too much memory", "save it in parts, or as text")


def main(asked: BinaryIO, answers: BinaryIO) -> None:
    """Reads what it is sent until `asked` ends."""
    while (frame := receive(asked)) is not None:
        message, data = frame
        _limit(len(data))
        try:
            if "page" in message:
                send(answers, {}, _picture(message, data))
            else:
                send(answers, *sent(contents(data, str(message["name"]))))
        except ReadError as error:
            send(answers, {"error": str(error), "hint": error.hint})
        except MemoryError:
            send(answers, {"error": _TOO_MUCH[0], "hint": _TOO_MUCH[1]})


def _picture(message: dict[str, Any], data: bytes) -> bytes:
    from rag.sources.parsers.pdf import picture

    anchors = [Anchor(start, "", page) for start, page in message["anchors"]]
    return picture(data, anchors, message["page"], message["spans"])


def _limit(size: int) -> None:
    """Grants memory for a file of this size; where the system knows no such limits, time alone is one."""
    try:
        import resource
    except ImportError:  # Windows
        return
    most = _MEMORY + _MEMORY_A_BYTE * size + (_MEMORY_OCR if ocr.is_on() else 0)
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


if __name__ == "__main__":
    for ended_by in (signal.SIGINT, signal.SIGTERM):  # these are for the parent; this process ends when its pipe does
        signal.signal(ended_by, signal.SIG_IGN)
    speaking = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get among the answers
    sys.setrecursionlimit(3_000)
    if "--ocr" in sys.argv[1:]:
        ocr.turn_on(lambda: send(speaking, {"busy": True}))
    main(sys.stdin.buffer, speaking)
