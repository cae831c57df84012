"""The process that holds Chroma: opens one generation if its seal fits, obeys over a pipe, and seals it at the end.

    python -P -m rag.index.chroma.child FOLDER

A crash or a hang of Chroma costs this process only. It ends when its pipe does, however its parent ended: what it was told
last is finished and sealed, and the lock that it inherited is held until then.
"""

from __future__ import annotations

import os
import signal
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from rag.child_process import receive, send
from rag.index.chroma.seal import Seal

UNSOUND = "it is not as it was left"


def main(folder: Path, asked: BinaryIO, answers: BinaryIO) -> int:
    """Serves one generation until `asked` ends."""
    seal = Seal(folder, version("chromadb"))
    position = seal.broken()
    if position is None:
        send(answers, {"unsound": UNSOUND})
        return 1
    from rag.index.chroma.collection import ChromaVectors  # only now: importing it takes 1.5 s

    folder.mkdir(parents=True, exist_ok=True)
    chroma, failed = ChromaVectors(folder), False
    try:
        send(answers, {"position": position})
        while (frame := receive(asked)) is not None:
            message, rest = frame
            answer = _obey(chroma, message, rest)
            failed = failed or "error" in answer
            position = message.get("position", position)
            send(answers, answer)
    except BrokenPipeError:
        pass  # the parent is gone
    chroma.close()
    if not failed:
        seal.write(position)
    return 0


def _obey(chroma: Any, message: dict[str, Any], rest: bytes) -> dict[str, Any]:
    try:
        match message["do"]:
            case "apply":
                chroma.delete(message["gone"])
                if message["keys"]:
                    chroma.upsert(message["keys"], np.frombuffer(rest, np.float32).reshape(len(message["keys"]), -1))
                return {}
            case "nearest":
                keys, scores = chroma.nearest(np.frombuffer(rest, np.float32), message["k"])
                return {"keys": keys, "scores": scores}
            case "count":
                return {"count": chroma.count()}
            case "keys":
                return {"keys": chroma.keys()}
            case unknown:
                return {"error": f"no such thing to do: {unknown!r}"}
    except Exception as error:  # whatever Chroma raises; its half is not to be trusted after it
        return {"error": f"{type(error).__name__}: {error}"[:500]}


if __name__ == "__main__":
    # Ctrl-C and a service's stop are for the parent; this process ends when its pipe does.
    for ended_by in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ended_by, signal.SIG_IGN)
    speaking = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get among the answers
    sys.exit(main(Path(sys.argv[1]), sys.stdin.buffer, speaking))
