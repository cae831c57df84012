"""Opens an index whose Chroma may be damaged, as a page would: searches at once, syncs Chroma, compares. Prints JSON."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

import numpy as np

from rag.index.exact_scan import ExactScan
from tests.torture.world import DIMENSION, open_library


def main(index: Path) -> None:
    slowest, wrong = 0.0, []
    random = np.random.default_rng(7)
    queries = [row / np.linalg.norm(row) for row in random.normal(size=(20, DIMENSION)).astype(np.float32)]
    with open_library(index, short_lived=False) as library:
        exact = ExactScan()
        exact.apply((key, vector) for _, key, vector in library._catalog.vectors.after(0, 100_000))

        def overlap() -> float:
            nonlocal slowest
            shared = 0
            for query in queries:
                begun = time.monotonic()
                found = library._vector_search.nearest(query, 10)
                slowest = max(slowest, time.monotonic() - begun)
                shared += len({key for key, _ in found} & {key for key, _ in exact.nearest(query, 10)})
            return shared / (10 * len(queries))

        begun = time.monotonic()
        library.search("river stone winter")
        slowest = max(slowest, time.monotonic() - begun)
        if overlap() < 0.99:
            wrong.append("at once")
        begun = time.monotonic()
        library.sync_vectors()
        slowest = max(slowest, time.monotonic() - begun)
        health = library.check()
        report = {"slowest_s": slowest, "wrong": wrong, "overlap": overlap(), "problems": list(health.problems),
                  "chroma": health.vectors_in_chroma}  # fmt: skip
        if health.vectors_in_chroma != health.passages:
            wrong.append("not filled")
    print(json.dumps(report))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
