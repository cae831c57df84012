"""A process that changes an index at random and kills itself at a given point. Prints each change before and after it.

    python worker.py ROOM SEED POINT NTH OPERATIONS

ROOM contains `documents/`, `index/` and `state.json` (name → acknowledged version). POINT is one of `POINTS`, `COMMIT`, or
"-" for none. When the process reaches the point for the NTH time, it kills itself, and half of the time Chroma's child too.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from rag.index.catalog.change_log import ChangeLog
from rag.index.catalog.database import opening
from rag.index.catalog.database.receipt import Receipt
from rag.index.catalog.documents import Documents
from rag.index.catalog.files import Files
from rag.index.catalog.index_versions import IndexVersions
from rag.index.catalog.meta import Meta
from rag.index.catalog.passages import Passages
from rag.index.catalog.vectors import Vectors
from rag.index.chroma import ChromaFolder, ChromaProcess
from tests.torture.world import PASSAGE_TOKENS, open_library, text_of

NAMES = [f"doc{n}" for n in range(12)]
POINTS = {
    "a document is staged": (Documents, "stage"),
    "passages are stored": (Passages, "add"),
    "vectors are stored": (Vectors, "add"),
    "a document is published": (Documents, "publish"),
    "a scan is recorded": (Files, "record_scans"),
    "a document is hidden": (Documents, "hide"),
    "a name is marked as removed": (Files, "mark_removed"),
    "passages are swept": (Passages, "delete"),
    "the log is trimmed": (ChangeLog, "trim"),
    "a generation is begun": (ChangeLog, "new_generation"),
    "generations are removed": (ChromaFolder, "remove_others"),
    "Chroma is opened": (ChromaFolder, "open"),
    "changes are passed to Chroma": (ChromaProcess, "apply"),
    "Chroma is closed": (ChromaProcess, "close"),
    "a fact is set": (Meta, "set"),
    "an index version is begun": (IndexVersions, "begin"),
    "an index version gets vectors": (Vectors, "store"),
    "an index version has a document": (IndexVersions, "finish_document"),
    "index versions are switched": (IndexVersions, "switch_to"),
    "an index version is dropped": (IndexVersions, "drop"),
    "the receipt is written": (Receipt, "write"),
}  # fmt: skip
COMMIT = "a commit"


def children() -> list[int]:
    listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [int(pid) for pid in listed]


class Killer:
    """Kills this process at a point, before or after the call."""

    def __init__(self, point: str, nth: int, chooser: random.Random) -> None:
        self.left = nth
        self.with_children = chooser.random() < 0.5
        if point == COMMIT:
            opened = opening.open_file

            def with_hook(path):
                made = opened(path)
                made.set_commit_hook(self.reached)
                return made

            opening.open_file = with_hook
        elif point != "-":
            owner, name = POINTS[point]
            real, before = getattr(owner, name), chooser.random() < 0.5

            def killing(*given, **named):
                if before:
                    self.reached()
                returned = real(*given, **named)
                if not before:
                    self.reached()
                return returned

            setattr(owner, name, killing)

    def reached(self) -> bool:
        self.left -= 1
        if self.left == 0:
            for pid in children() if self.with_children else []:
                os.kill(pid, signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)
        return False


def say(**what: object) -> None:
    print(json.dumps(what), flush=True)


def main() -> None:
    room, seed, point, nth, operations = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
    chooser = random.Random(seed)
    state: dict[str, int] = json.loads((room / "state.json").read_text())
    documents = room / "documents"
    Killer(point, nth, chooser)
    # With only two sizes, no index version would ever be dropped.
    tokens = chooser.choice([PASSAGE_TOKENS, PASSAGE_TOKENS + 2, PASSAGE_TOKENS + 4])
    library = open_library(room / "index", short_lived=chooser.random() < 0.4, passage_tokens=tokens)
    with library:
        say(ready=True)
        for _ in range(operations):
            kind = chooser.choices(["put", "remove", "sync", "fill", "reindex"], [6, 2, 1, 2, 3])[0]
            names = chooser.sample(NAMES, chooser.randint(1, 3))
            if kind == "put":
                changed = {name: state.get(name, 0) + 1 + chooser.randint(0, 3) for name in names}
                say(trying=changed)
                for name, version in changed.items():
                    (documents / name).write_text(text_of(name, version))
                library.add(*(documents / name for name in names))
            elif kind == "remove":
                changed = {name: 0 for name in names if state.get(name, 0)}
                say(trying=changed)
                for name in changed:
                    library.remove(name)
                    (documents / name).unlink()
            else:
                changed = {}
                if kind == "reindex":
                    library.reindex()
                elif kind == "fill":
                    library.sync_vectors()
                else:
                    library.sync(documents, prune=True)
            state.update(changed)
            say(acknowledged=changed)
    say(ended=True)


if __name__ == "__main__":
    main()
