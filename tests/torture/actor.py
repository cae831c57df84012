"""A process that performs every operation on an index once and prints how it ended. Made to fail from outside.

    python actor.py INDEX DOCUMENTS [chroma]

Prints "ready", then a JSON object: what was acknowledged (name → version; 0 means removed), and the error that ended it.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from rag.errors import RagError
from tests.torture.world import open_library, text_of


def main(index: Path, documents: Path, with_chroma: bool) -> None:
    acknowledged: dict[str, int] = {}
    error = fault = ""
    print("ready", flush=True)
    try:
        with open_library(index) as library:
            library.sync(documents)
            (documents / "doc1").write_text(text_of("doc1", 2))
            (documents / "new").write_text(text_of("new", 1))
            library.sync(documents)
            acknowledged.update(doc1=2, new=1)
            library.search("river stone")
            library.remove("doc2")
            acknowledged.update(doc2=0)
            library.add(documents / "new")
            library.reindex()
            if with_chroma:
                library.sync_vectors()
                library.search("river stone")
    except RagError as raised:
        error = type(raised).__name__
        assert raised.hint, raised
    except OSError as raised:  # of rag's own files, not of the index; the command line reports it in one line
        error = type(raised).__name__
    except BaseException:
        fault = traceback.format_exc()
    print(json.dumps({"acknowledged": acknowledged, "error": error, "fault": fault}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:] == ["chroma"])
