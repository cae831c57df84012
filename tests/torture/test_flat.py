"""Memory and handles do not grow, however long a process answers and imports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest

pytestmark = pytest.mark.process

PROGRAM = """
import json, os, random, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from rag import Library
from tests.torture.world import WORDS, text_of
index, documents, questions, syncs = Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
chooser = random.Random(7)

def now():
    status = Path("/proc/self/status").read_text()
    rss = int(status.split("VmRSS:")[1].split()[0])
    threads = int(status.split("Threads:")[1].split()[0])
    return {"rss_kb": rss, "handles": len(os.listdir("/proc/self/fd")), "threads": threads}

points = []
with Library.open(index) as library:
    library.sync(documents)
    library.sync_vectors()
    every = questions // 20
    for n in range(questions):
        if n % (questions // syncs) == 0:
            for m in chooser.sample(range(50), 5):
                (documents / f"doc{m}").write_text(text_of(f"doc{m}", n + 2))
            library.sync(documents)
            library.sync_vectors()
        library.ask(" ".join(chooser.choices(WORDS, k=6)) + "?")
        if n % every == every - 1:
            points.append({"questions": n + 1, **now()})
print(json.dumps(points))
"""


def slope_per_thousand(points: list[dict[str, int]]) -> float:
    """Returns the growth of memory over 1,000 questions, as a share, by least squares."""
    n = len(points)
    xs, ys = [p["questions"] for p in points], [p["rss_kb"] for p in points]
    mean_x, mean_y = sum(xs) / n, sum(ys) / n
    slope = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / sum((x - mean_x) ** 2 for x in xs)
    return slope * 1000 / mean_y


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_flat(tmp_path: Path, full: bool) -> None:
    """10,000 questions and 200 re-syncs (500 and 10 in a short run) over 50 documents that change."""
    from .world import text_of

    documents = tmp_path / "documents"
    documents.mkdir()
    for n in range(50):
        (documents / f"doc{n}").write_text(text_of(f"doc{n}", 1))
    root = str(Path(__file__).parent.parent.parent)
    questions, syncs = (10_000, 200) if full else (500, 10)
    command = [sys.executable, "-c", PROGRAM, root, str(tmp_path / "index"), str(documents), str(questions), str(syncs)]
    # One arena: with one per thread, their order on a busy machine decides how many hold freed memory.
    one_arena = {**os.environ, "MALLOC_ARENA_MAX": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=3000, check=False, env=one_arena)
    assert done.returncode == 0, done.stderr[-2000:]
    points = json.loads(done.stdout)
    settled = points[len(points) // 3 :]  # after the caches are filled
    print(points[0], points[-1], f"slope {slope_per_thousand(settled):.4f} a thousand questions")

    assert {p["handles"] for p in settled} == {settled[0]["handles"]}
    assert max(p["threads"] for p in settled) == min(p["threads"] for p in settled)
    if full:
        assert slope_per_thousand(settled) < 0.01
    else:  # too few for a slope, but enough to show a connection or a result leaked with each question
        first, last = (median(p["rss_kb"] for p in part) for part in (settled[:4], settled[-4:]))
        assert last - first < 4_600
    size = sum(path.stat().st_size for path in (tmp_path / "index").rglob("*") if path.is_file())
    assert size < 40_000_000, "the index grows with its history"
