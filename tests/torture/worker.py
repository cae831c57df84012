"""A process that changes an index at random, and dies where it is told to. Says each change before and after it.

    python worker.py ROOM SEED POINT NTH OPERATIONS

ROOM holds `documents/`, `index/` and `state.json` (name → version of what is acknowledged). POINT is one of `POINTS`, or
"-"; the process kills itself, and with it or not the child that holds Chroma, when it comes there for the NTH time.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from rag.index.catalog import Catalog
from rag.index.catalog.receipt import Receipt
from rag.index.chroma import ChromaFolder, ChromaProcess
from tests.torture.world import PASSAGE_TOKENS, open_library, text_of

NAMES = [f"doc{n}" for n in range(12)]
POINTS = {
    "a document is staged": (Catalog, "stage"),
    "passages are stored": (Catalog, "add_passages"),
    "vectors are stored": (Catalog, "add_vectors"),
    "a document is published": (Catalog, "publish"),
    "a file was seen": (Catalog, "saw"),
    "a document is hidden": (Catalog, "remove"),
    "a name is forgotten": (Catalog, "forget"),
    "passages are swept": (Catalog, "_sweep_passages"),
    "the log is trimmed": (Catalog, "trim_log"),
    "a generation is begun": (Catalog, "begin_generation"),
    "generations are removed": (ChromaFolder, "remove_others"),
    "chroma is opened": (ChromaFolder, "open"),
    "chroma is told": (ChromaProcess, "apply"),
    "chroma is closed": (ChromaProcess, "close"),
    "how far it is is remembered": (Catalog, "set_meta"),
    "an edition is begun": (Catalog, "begin_index_version"),
    "an edition gets vectors": (Catalog, "store_vectors"),
    "an edition has a document": (Catalog, "finish_cut"),
    "editions are switched": (Catalog, "switch_to"),
    "an edition is dropped": (Catalog, "drop_index_version"),
    "the receipt is written": (Receipt, "write"),
}  # fmt: skip
COMMIT = "a commit"


def children() -> list[int]:
    listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [int(pid) for pid in listed]


class Killer:
    """Ends this process at a point, before or after what happens there."""

    def __init__(self, point: str, nth: int, chooser: random.Random) -> None:
        self.left = nth
        self.with_children = chooser.random() < 0.5
        if point == COMMIT:
            opened = connection.open_file

            def with_hook(path):
                made = opened(path)
                made.set_commit_hook(self.comes)
                return made

            connection.open_file = with_hook
        elif point != "-":
            owner, name = POINTS[point]
            real, before = getattr(owner, name), chooser.random() < 0.5

            def killing(*given, **named):
                if before:
                    self.comes()
                returned = real(*given, **named)
                if not before:
                    self.comes()
                return returned

            setattr(owner, name, killing)

    def comes(self) -> bool:
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
    tokens = chooser.choice([PASSAGE_TOKENS, PASSAGE_TOKENS + 2, PASSAGE_TOKENS + 4])  # two would take turns: none dropped
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
