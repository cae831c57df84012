"""A process that keeps an index open, as the page does, and executes commands: JSON lines in, JSON lines out."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from rag import Document, Filter
from rag.errors import RagError
from tests.torture.world import open_library


def do(library, what: str, given: dict) -> object:
    match what:
        case "sync":
            report = library.sync(given["folder"], prune=True)
            return [report.added, report.updated, report.unchanged, report.removed]
        case "put":
            report = library.add_documents([Document(given["text"], given["name"], source=given["name"])])
            return [report.added, report.updated, report.unchanged]
        case "remove":
            return library.remove(given["name"])
        case "fill":
            return library.sync_vectors()
        case "reindex":
            return library.reindex().switched
        case "search":
            wanted = Filter(sources=tuple(given.get("sources", ())))
            return [[hit.source, hit.text] for hit in library.search(given["question"], 50, filters=wanted)]
        case "nearest":
            vector = library._embedder.embed([given["text"]])[0]
            found = library._vector_search.nearest(vector, 1)
            ids = library._catalog.passages.visible_keys([key for key, score in found if score > 0.999])
            return [passage.source for passage in library._catalog.passages.get(list(ids.values()))]
        case "ls":
            return {info.source: library.document(info.source).text for info in library.documents()}
        case "check":
            health = library.check()
            return [list(health.problems), health.vectors_in_chroma, health.passages]
    raise AssertionError(what)


def main() -> None:
    library = None
    for line in sys.stdin:
        given = json.loads(line)
        what = given.pop("do")
        try:
            if what in ("open", "close"):
                if library is not None:
                    library.close()
                library = open_library(Path(given["index"]), short_lived=False) if what == "open" else None
                answer: object = True
            else:
                answer = do(library, what, given)
            print(json.dumps({"answer": answer}), flush=True)
        except RagError as error:
            print(json.dumps({"error": type(error).__name__, "said": str(error)}), flush=True)


if __name__ == "__main__":
    main()
