"""Measures the speed of rag and of the quickstart, and writes the table and the plot about speed to benchmarks/README.md.

    uv run --group benchmarks python benchmarks/run.py DATA HOME [--rounds 3] [--sizes 1000,100000] [--million] [--keep DIR]

DATA must contain qa/<set>/. HOME is the folder in which `benchmarks/opponent.py prepare` put Chroma's embedder. Each
measurement runs in a separate process. Measurements alternate between rag and the quickstart, and each ratio in the table
is the median of the ratios for these pairs. benchmarks/speed.json stores the results from the last run; measurements that
have become worse by more than a fifth are listed at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
README, STORED, PLOT = HERE / "README.md", HERE / "speed.json", HERE / "retrieval.svg"
BEGIN, END = "<!-- speed: written by benchmarks/run.py -->", "<!-- end of speed -->"
QUESTION = "Who designed the new roof of the opera house?"
WORSE = 1.2
ASKED = {"rag": 300, "quickstart": 100}  # number of questions; the 99th percentile, which needs more, is only for rag
SOURCES = 600  # number of paragraphs to import, each in its own file


@dataclass(frozen=True)
class Row:
    """A row in the table.

    Attributes:
        ours: The result for rag; `theirs` is the result for the quickstart, or empty if there is none.
        ratio: Ratio of the two results, with the target in parentheses.
        cost: The number that is compared with the last run; lower is better.
    """

    name: str
    ours: str
    theirs: str
    ratio: str
    cost: float


class Bench:
    """Runs measurements, each in a separate process."""

    def __init__(self, data: Path, home: Path, folder: Path, rounds: int) -> None:
        self.data, self.folder, self.rounds = data, folder, rounds
        path = os.pathsep.join([str(HERE.parent), str(HERE)])
        self._environment = {**os.environ, "HOME": str(home), "PYTHONPATH": path, "GRADIO_ANALYTICS_ENABLED": "False"}

    def once(self, task: str, *arguments: object) -> dict[str, Any]:
        """Runs one measurement and returns its result."""
        command = [sys.executable, str(HERE / "measure.py"), task, *map(str, arguments)]
        process = subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False)
        if process.returncode:
            raise SystemExit(f"{task} {arguments}: {process.stderr[-2000:]}")
        print(f"  {task} {' '.join(map(str, arguments))[-70:]}: {process.stdout.strip()[:200]}", flush=True)
        return json.loads(process.stdout.splitlines()[-1])

    def pairs(self, task: str, arguments: Callable[[str], tuple[object, ...]]) -> list[tuple[dict, dict]]:
        """Runs a measurement for rag and then for the quickstart, once per round. Returns both results for each round."""
        return [
            (self.once(task, "rag", *arguments("rag")), self.once(task, "quickstart", *arguments("quickstart")))
            for _ in range(self.rounds)
        ]

    def library(self, side: str, passages: int) -> Path:
        """Returns the folder that contains a large library, and builds the library on first use."""
        where = self.folder / f"{side}-{passages}"
        if not where.exists():
            built = self.once("build", side, self.data, passages, where)
            (self.folder / f"{side}-{passages}.json").write_text(json.dumps(built))
        return where

    def built(self, side: str, passages: int) -> dict[str, Any]:
        """Returns the measurements that were made while a large library was built."""
        self.library(side, passages)
        return json.loads((self.folder / f"{side}-{passages}.json").read_text())


def median(values: Iterator[float]) -> float:
    return statistics.median(list(values))


def ingest(bench: Bench) -> Iterator[Row]:
    """Yields the rows about imports."""
    folder = bench.folder / "texts"
    folder.mkdir(exist_ok=True)
    lines = (bench.data / "qa" / "squad20_dev" / "corpus.jsonl").read_text("utf-8").splitlines()[:SOURCES]
    for n, line in enumerate(lines):
        (folder / f"{n}.txt").write_text(json.loads(line)["text"], "utf-8")
    for split, target in (("same", 2.2), ("own", 3.2)):
        found = bench.pairs("ingest", lambda _, split=split: (folder, split))
        ratio = median(b["seconds"] / a["seconds"] for a, b in found)
        ours, theirs = (median(pair[i]["characters"] / pair[i]["seconds"] for pair in found) for i in (0, 1))
        name = f"import, characters per second, with {'the same splitter' if split == 'same' else 'default settings'}"
        yield Row(name, f"{ours:,.0f}", f"{theirs:,.0f}", f"{ratio:.1f} × (≥ {target})", 1 / ratio)
    ours, theirs = (bench.once("relevance", side, bench.data, folder, 600)["ndcg"] for side in ("rag", "quickstart"))
    name = "… nDCG@10 with default settings, 600 questions"
    yield Row(name, f"{ours:.3f}", f"{theirs:.3f}", f"{ours - theirs:+.3f} (≥ 0)", 1 - ours)
    busy = median(a["busy"] for a, _ in found)
    yield Row("share of the import time during which the embedder is busy", f"{busy:.2f}", "", "(≥ .90)", 1 - busy)


def retrieval(bench: Bench, sizes: list[int]) -> Iterator[Row]:
    """Yields the rows about retrieval, and draws the plot."""
    points = []
    for passages in sizes:
        found = bench.pairs("retrieve", lambda side, n=passages: (bench.data, bench.library(side, n), ASKED[side]))
        ratio = median(b["p50"] / a["p50"] for a, b in found)
        ours, theirs = (median(pair[i]["p50"] for pair in found) for i in (0, 1))
        kept = bench.once("retrieve", "quickstart, model kept", bench.data, bench.library("quickstart", passages), 100)[
            "p50"
        ]
        points.append((passages, ours, theirs, kept))
        p99 = median(a["p99"] for a, _ in found)
        name = f"one retrieval among {passages:,} passages, warm, p50 (p99)"
        yield Row(name, f"{ours:.1f} ms ({p99:.1f})", f"{theirs:.1f} ms", f"1/{ratio:.1f} (≤ 1/12)", ours)
        name = "… compared with the quickstart with a model that stays loaded"
        yield Row(name, "", f"{kept:.1f} ms", f"1/{kept / ours:.1f}", 1)
        memory = [median(pair[i]["memory_mb"] for pair in found) for i in (0, 1)]
        if passages == max(sizes):
            aim = " (≤ 700)" if passages == 100_000 else ""
            name = f"memory with {passages:,} passages, warm"
            yield Row(name, f"{memory[0]:.0f} MB", f"{memory[1]:.0f} MB", f"{memory[0] / memory[1]:.2f}{aim}", memory[0])
    plot(points)
    if max(sizes) > 8_000:
        share = bench.once("recall", "rag", bench.data, bench.library("rag", max(sizes)), 100)["recall"]
        name = f"recall@10 of Chroma's search, relative to an exact search, {max(sizes):,} passages"
        yield Row(name, f"{share:.3f}", "", "(≥ .97)", 1 - share)


def answers(bench: Bench, passages: int) -> Iterator[Row]:
    """Yields the rows about answers and the web interface."""
    found = [bench.once("answer", "rag", bench.data, bench.library("rag", passages), 300) for _ in range(bench.rounds)]
    p50, p99 = (median(one[p] for one in found) for p in ("p50", "p99"))
    yield Row(
        f"extracted answer from {passages:,} passages, warm",
        f"p50 {p50:.0f} ms, p99 {p99:.0f} ms",
        "",
        "(≤ 60, ≤ 150)",
        p50,
    )
    found = [bench.once("enter", "rag", bench.data, bench.library("rag", passages), 100) for _ in range(bench.rounds)]
    p50, p99 = (median(one[p] for one in found) for p in ("p50", "p99"))
    yield Row(
        "… from Enter until the browser (Chromium) displays the answer",
        f"p50 {p50:.0f} ms, p99 {p99:.0f} ms",
        "",
        "(≤ 60, ≤ 150)",
        p50,
    )
    pairs = bench.pairs("cold", lambda side: (bench.library(side, 1_000), QUESTION))
    ratio = median(b["seconds"] / a["seconds"] for a, b in pairs)
    ours, theirs = (median(pair[i]["seconds"] for pair in pairs) for i in (0, 1))
    name = "from process start to the answer, with an existing index (quickstart: to the passages)"
    yield Row(name, f"{ours:.2f} s", f"{theirs:.2f} s", f"1/{ratio:.1f} (≤ 1/2)", ours)
    pages = [bench.once("page", "rag", bench.library("rag", 1_000)) for _ in range(bench.rounds)]
    ready = median(one["seconds"] for one in pages)
    own = median(one["seconds"] - one["gradio_seconds"] for one in pages)
    beyond = f"{own:.1f} s more than importing gradio (≤ 8, ≤ 2)"
    yield Row("from the start of `rag ui` until the page loads", f"{ready:.1f} s", "", beyond, ready)


def syncing(bench: Bench) -> Iterator[Row]:
    """Yields the row about syncing a folder in which nothing has changed."""
    folder = bench.folder / "unchanged"
    folder.mkdir(exist_ok=True)
    for n in range(2_000):
        (folder / f"{n}.txt").write_text(f"Note {n} describes thing {n * 7} and nothing else.", "utf-8")
    found = [bench.once("unchanged", "rag", folder) for _ in range(bench.rounds)]
    seconds = median(one["seconds"] for one in found)
    yield Row("syncing 2,000 unchanged files", f"{seconds:.2f} s", "", "(≤ 0.3)", seconds)


def million(bench: Bench) -> Iterator[Row]:
    """Yields the rows about a library with a million passages."""
    n = 1_000_000
    built = bench.built("rag", n)
    kept = built["rates"][-1] / built["rates"][0]
    name = "1,000,000 passages: import rate at the end, relative to the start"
    yield Row(name, f"{kept:.2f}", "", "(≥ .7)", 1 / kept)
    rates = f"{built['rates'][0]:,} to {built['rates'][-1]:,} per second"
    filling = f"filling Chroma took another {built['fill_seconds']:.0f} s"
    yield Row("… passages imported, with precomputed vectors", rates, "", filling, 1)
    yield Row("… size on disk", f"{built['bytes'] / 1e9:.1f} GB", "", "", built["bytes"])
    found = bench.once("retrieve", "rag", bench.data, bench.library("rag", n), 300)
    yield Row("… one retrieval", f"p50 {found['p50']:.0f} ms, p99 {found['p99']:.0f} ms", "", "(≤ 60, ≤ 200)", found["p50"])
    yield Row("… memory", f"{found['memory_mb'] / 1000:.1f} GB", "", "(≤ 4)", found["memory_mb"])


def plot(points: list[tuple[int, float, float, float]]) -> None:
    """Plots the time of one retrieval against the number of passages, on logarithmic axes."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(5, 3))
    sizes = [point[0] for point in points]
    for column, mark, label in ((1, "o-", "rag: hybrid"), (2, "s--", "quickstart: dense only"), (3, "^:", "… model kept")):
        axes.loglog(sizes, [point[column] for point in points], mark, label=label)
    axes.set(xlabel="passages", ylabel="one retrieval, warm, ms", ylim=(1, None))
    axes.legend()
    figure.tight_layout()
    figure.savefig(PLOT, metadata={"Date": None})


def machine() -> str:
    """Returns a description of the machine and of the software versions."""
    model = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    versions = ", ".join(f"{n} {version(n)}" for n in ("chromadb", "llama-index-core", "onnxruntime"))
    return f"{date.today()}, {len(model)} cores ({model[0]}), Python {platform.python_version()}, {versions}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("home", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", default="1000,10000,100000")
    parser.add_argument("--million", action="store_true")
    parser.add_argument("--keep", type=Path, help="keep the large libraries in this folder")
    arguments = parser.parse_args()
    folder = arguments.keep or Path(tempfile.mkdtemp(prefix="rag-speed-"))
    folder.mkdir(parents=True, exist_ok=True)
    bench = Bench(arguments.data.resolve(), arguments.home.resolve(), folder.resolve(), arguments.rounds)
    sizes = [int(size) for size in arguments.sizes.split(",")]
    rows = [*ingest(bench), *retrieval(bench, sizes), *answers(bench, max(sizes)), *syncing(bench)]
    if arguments.million:
        rows += million(bench)
    if not arguments.keep:
        shutil.rmtree(folder)
    table = ["| measurement | rag | quickstart | ratio (target) |", "|---|---|---|---|"]
    table += [f"| {row.name} | {row.ours} | {row.theirs} | {row.ratio} |" for row in rows]
    plot = "![time of one retrieval by number of passages](retrieval.svg)"
    text = "\n".join([f"{machine()}; medians of {arguments.rounds} pairs.", "", *table, "", plot])
    print(text)
    before, _, rest = README.read_text("utf-8").partition(BEGIN)
    README.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}", "utf-8")
    stored = json.loads(STORED.read_text()) if STORED.exists() else {}
    for row in rows:
        if row.name in stored and row.cost > WORSE * stored[row.name]:
            print(f"worse than before: {row.name}: {row.cost / stored[row.name]:.2f} × the cost")
    STORED.write_text(json.dumps({**stored, **{row.name: round(row.cost, 4) for row in rows}}, indent=1) + "\n")


if __name__ == "__main__":
    main()
