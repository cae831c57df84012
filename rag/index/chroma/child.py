"""Runs Chroma in a child process: opens one generation if its seal is valid, serves requests, and seals it at the end.

    python -P -m rag.index.chroma.child FOLDER

A generation is one complete copy of the catalog's vectors, in a folder. If Chroma crashes or hangs, only this process is
affected. When the parent closes the pipe or exits for any reason, this process finishes the last request, seals the
generation and exits; until then, it holds the lock that it inherited.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from rag.child_process import ParentConnection
from rag.index.chroma.seal import Seal

_LIMIT_WITHOUT_PARENT_S = 300.0  # for comparison: sealing a million vectors takes 10 s
UNSOUND = "its files have changed since they were sealed"


def main(folder: Path, parent: ParentConnection) -> int:
    """Serves one generation until the parent closes the pipe or exits. Returns the exit code."""
    parent.end_without_parent(_LIMIT_WITHOUT_PARENT_S)
    seal = Seal(folder, version("chromadb"))
    position = seal.open()
    if position is None:
        parent.reply({"unsound": UNSOUND})
        return 1
    from rag.index.chroma.collection import ChromaVectors  # imported here, because importing it takes 1.5 s

    folder.mkdir(parents=True, exist_ok=True)
    chroma, failed = ChromaVectors(folder), False
    try:
        parent.reply({"position": position})
        for message, payload in parent.requests():
            reply = _execute(chroma, message, payload)
            failed = failed or "error" in reply
            position = message.get("position", position)
            parent.reply(reply)
    except BrokenPipeError:
        pass  # the parent has exited
    chroma.close()
    if not failed:
        seal.write(position)
    return 0


def _execute(chroma: Any, message: dict[str, Any], payload: bytes) -> dict[str, Any]:
    try:
        match message["do"]:
            case "apply":
                chroma.delete(message["deleted"])
                keys = message["keys"]
                if keys:
                    chroma.upsert(keys, np.frombuffer(payload, np.float32).reshape(len(keys), -1))
                return {}
            case "nearest":
                keys, scores = chroma.nearest(np.frombuffer(payload, np.float32), message["k"])
                return {"keys": keys, "scores": scores}
            case "count":
                return {"count": chroma.count()}
            case "keys":
                return {"keys": chroma.keys()}
            case unknown:
                return {"error": f"unknown request: {unknown!r}"}
    except Exception as error:  # Chroma can raise any error; its Rust code cannot be trusted afterwards
        return {"error": f"{type(error).__name__}: {error}"[:500]}


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), ParentConnection.open()))
