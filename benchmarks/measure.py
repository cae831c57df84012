"""Performs one measurement in a separate process and prints the result as JSON.

    python benchmarks/measure.py TASK [ARGUMENT …]

`benchmarks/run.py` calls this program, alternating between rag and the quickstart.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import opponent

ROOT = Path(__file__).parent.parent
K = 5


def percentiles(seconds: list[float]) -> dict[str, float]:
    """Returns the 50th, 90th and 99th percentile in milliseconds."""
    return {f"p{p}": round(float(np.percentile(seconds, p)) * 1000, 2) for p in (50, 90, 99)}


def memory_mb(pid: int) -> float:
    """Returns the memory used by a process and its child processes, as their proportional set size in MB."""
    children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout.split()
    try:
        smaps = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:  # the process has ended in the meantime
        return 0.0
    own = next((int(line.split()[1]) for line in smaps.splitlines() if line.startswith("Pss:")), 0) / 1024
    return own + sum(memory_mb(int(child)) for child in children)


def ingest(side: str, folder: str, split: str) -> dict[str, Any]:
    """Measures the import of a folder of text files until Chroma is filled. Importing Python modules is not counted."""
    characters = sum(len(path.read_text("utf-8")) for path in Path(folder).iterdir())
    with tempfile.TemporaryDirectory() as database:
        if side == "rag":
            return {"characters": characters, **_ingest_with_rag(Path(folder), Path(database), split)}
        import chromadb  # noqa: F401

        _warm_up_llama_splitter()
        opponent.embedding().get_text_embedding("warm")
        started = time.perf_counter()
        opponent.index(Path(folder), Path(database))
        seconds = time.perf_counter() - started
    return {"characters": characters, "seconds": seconds}


def _warm_up_llama_splitter() -> None:
    """Splits a text, because LlamaIndex's splitter takes 4 s to load nltk and its tokenizer when it is first used."""
    from llama_index.core.node_parser import SentenceSplitter

    SentenceSplitter(chunk_size=32, chunk_overlap=0).split_text("It is a sentence, and not the last of them. " * 20)


def _ingest_with_rag(folder: Path, database: Path, split: str) -> dict[str, float]:
    from rag import Library
    from rag.models.embedder import MiniLM

    class Timed(MiniLM):
        seconds = 0.0

        def embed(self, texts: Sequence[str]) -> Any:
            started = time.perf_counter()
            vectors = super().embed(texts)
            self.seconds += time.perf_counter() - started
            return vectors

    splitter = None
    if split == "same":
        from llama_index.core.utils import get_tokenizer

        from rag.integrations.llama_index import LlamaSentenceSplitter

        _warm_up_llama_splitter()
        splitter = LlamaSentenceSplitter(opponent.CHUNK, opponent.OVERLAP, get_tokenizer())
    embedder = Timed()
    embedder.embed(["warm"])
    embedder.seconds = 0.0
    started = time.perf_counter()
    with Library.open(database / "index", splitter=splitter, embedder=embedder) as library:
        library.sync(folder)
        synced = time.perf_counter()
    return {"seconds": time.perf_counter() - started, "busy": embedder.seconds / (synced - started)}


def relevance(side: str, data: str, folder: str, count: str) -> dict[str, Any]:
    """Measures nDCG@10 for documents with default settings. The folder contains SQuAD paragraphs with numbers as names."""
    import sets

    from rag.evaluation import metrics

    squad, corpus = sets.read(Path(data), sets.SQUAD)
    number = {document.source: str(n) for n, document in enumerate(corpus.documents)}
    imported = {path.stem for path in Path(folder).iterdir()}
    gold = [
        (question.question, {number[one.source]: 1.0 for one in question.evidence})
        for question in squad.questions
        if question.answerable and all(number[one.source] in imported for one in question.evidence)
    ]
    scores = []
    with tempfile.TemporaryDirectory() as database, _searching(side, Path(folder), Path(database)) as search:
        for question, relevance_of in sets.evenly(gold, int(count)):
            gains = metrics.ranking_gains(list(dict.fromkeys(search(question))), relevance_of)
            scores.append(metrics.ndcg(gains, 10, list(relevance_of.values())))
    return {"ndcg": sum(scores) / len(scores), "questions": len(scores)}


@contextmanager
def _searching(side: str, folder: Path, database: Path) -> Iterator[Callable[[str], list[str]]]:
    """Imports a folder, and yields a function that returns the file stems of the 30 best passages for a question."""
    if side == "rag":
        from rag import Library

        with Library.open(database / "index") as library:
            library.sync(folder)
            yield lambda question: [Path(hit.source).stem for hit in library.search(question, 30)]
        return
    opponent.index(folder, database)
    retriever = opponent.retriever(database, keep=True, top=30)
    yield lambda question: [Path(found.metadata["file_name"]).stem for found in retriever.retrieve(question)]


def build(side: str, data: str, passages: str, where: str) -> dict[str, Any]:
    """Builds a large synthetic library. For rag, `rates` is the import rate in each tenth of it, in passages per second."""
    from world import ParagraphSplitter, SyntheticEmbedder, World

    world = World(Path(data))
    n = int(passages)
    ticks = [time.perf_counter()]
    if side == "rag":
        from rag import Library

        documents = world.documents(n)
        with Library.open(where, embedder=SyntheticEmbedder(world), splitter=ParagraphSplitter()) as library:
            for _ in range(10):
                library.add_documents(next(documents) for _ in range(n // 8 // 10))
                ticks.append(time.perf_counter())
            filled = time.perf_counter()
        filled = time.perf_counter() - filled
        rates = [round(n / 10 / (b - a)) for a, b in itertools.pairwise(ticks)]
        return {"rates": rates, "seconds": ticks[-1] - ticks[0], "fill_seconds": filled, "bytes": _size(Path(where))}
    from llama_index.core.schema import TextNode

    store = opponent.store(Path(where))
    splitter = ParagraphSplitter()
    for document in world.documents(n):
        texts = [document.text[p.start : p.end] for p in splitter.split(document.text, markdown=False)]
        vectors = world.vectors(texts)
        store.add([TextNode(text=text, embedding=vector.tolist()) for text, vector in zip(texts, vectors, strict=True)])
    return {"seconds": time.perf_counter() - ticks[0], "bytes": _size(Path(where))}


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def retrieve(side: str, data: str, where: str, count: str) -> dict[str, Any]:
    """Measures the time to retrieve K passages after a warm-up, including the time to embed the question."""
    from world import questions

    every = questions(Path(data), int(count) + 20)
    if side == "rag":
        from rag import Library

        with Library.open(where) as library:
            library.preload()
            library.sync_vectors()
            times = _timed(lambda question: library.search(question, K), every)
            return {**percentiles(times), "memory_mb": round(memory_mb(os.getpid()))}
    retriever = opponent.retriever(Path(where), keep=side == "quickstart, model kept")
    times = _timed(retriever.retrieve, every)
    return {**percentiles(times), "memory_mb": round(memory_mb(os.getpid()))}


def _timed(ask: Callable[[str], Any], every: list[str]) -> list[float]:
    times = []
    for question in every:
        started = time.perf_counter()
        ask(question)
        times.append(time.perf_counter() - started)
    return times[20:]  # the first 20 questions only warm the caches


def answer(side: str, data: str, where: str, count: str) -> dict[str, Any]:
    """Measures the time for a complete, verified, extracted answer after a warm-up."""
    from world import questions

    from rag import Library

    del side
    every = questions(Path(data), int(count) + 20)
    with Library.open(where) as library:
        library.preload()
        library.sync_vectors()
        times = _timed(library.ask, every)
        return {**percentiles(times), "memory_mb": round(memory_mb(os.getpid()))}


_WATCH = """() => {
  const before = document.querySelectorAll("#chat .verdict").length;
  addEventListener("keydown", () => { window.pressed = performance.now(); }, {once: true, capture: true});
  window.shown = new Promise((resolve) => {
    const watch = new MutationObserver(() => {
      if (document.querySelectorAll("#chat .verdict").length <= before) return;
      watch.disconnect();
      resolve(performance.now());
    });
    watch.observe(document.querySelector("#chat"), {childList: true, subtree: true});
  });
}"""


def enter(side: str, data: str, where: str, count: str) -> dict[str, Any]:
    """Measures the time from pressing Enter until a real browser displays the extracted answer, after a warm-up."""
    from playwright.sync_api import sync_playwright
    from world import questions

    from tests.browsing import CHROMIUM, FLAGS, opened

    del side
    times = []
    with _served(where) as address, sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for n, question in enumerate(questions(Path(data), int(count) + 20)):
            if n % 10 == 0:  # each conversation has ten questions
                page = opened(chromium.new_context(), address)
            page.fill("#question textarea", question)
            page.evaluate(_WATCH)
            page.keyboard.press("Enter")
            times.append(page.evaluate("async () => (await window.shown) - window.pressed") / 1000)
            page.wait_for_timeout(500)  # users do not ask while the browser is still drawing the page
        chromium.close()
    return percentiles(times[20:])


@contextmanager
def _served(where: str) -> Iterator[str]:
    command = [sys.executable, "-m", "rag.cli", "--index", where, "ui", "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(where).parent)
    try:
        found = re.search(r"http://[\d.:]+", server.stdout.readline() if server.stdout else "")
        yield found.group() if found else ""
    finally:
        server.terminate()
        server.wait()


def recall(side: str, data: str, where: str, count: str) -> dict[str, Any]:
    """Measures how many of the 10 passages that an exact search finds are found by Chroma, as a share."""
    from world import questions

    from rag import Library

    del side
    found, total = 0, 0
    with Library.open(where) as library:
        library.sync_vectors()
        stored = library._catalog.vectors
        rows = stored.after(0, stored.count())
        ids, vectors = np.array([id_ for id_, _, _ in rows]), np.stack([vector for _, _, vector in rows])
        for question in questions(Path(data), int(count)):
            vector = library._embedder.embed([question])[0]
            exact = set(ids[np.argsort(-(vectors @ vector))[:10]].tolist())
            keys = [key for key, _ in library._vector_search._index.nearest(vector, 10)]
            found += len(exact & set(library._catalog.passages.visible_keys(keys).values()))
            total += 10
    return {"recall": found / total}


def cold(side: str, where: str, question: str) -> dict[str, Any]:
    """Measures how long a process takes: `rag ask` for a cited answer, or the quickstart's script for a retrieval."""
    if side == "rag":
        command = [sys.executable, "-m", "rag.cli", "--index", where, "ask", question, "--no-sync"]
    else:
        command = [sys.executable, str(Path(__file__).parent / "opponent.py"), "ask", where, question]
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, cwd=Path(where).parent)
    return {"seconds": time.perf_counter() - started}


def page(side: str, where: str) -> dict[str, Any]:
    """Measures the time from the start of `rag ui` until its web page is served, and how long importing gradio takes."""
    import urllib.request

    del side
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import gradio"], check=True)
    imported = time.perf_counter() - started
    started = time.perf_counter()
    with _served(where) as address:
        with urllib.request.urlopen(address) as reply:
            reply.read()
        ready = time.perf_counter() - started
    return {"seconds": ready, "gradio_seconds": imported}


def unchanged(side: str, folder: str) -> dict[str, Any]:
    """Measures how long it takes to sync a folder in which nothing has changed."""
    from rag import Library

    del side
    with tempfile.TemporaryDirectory() as database, Library.open(Path(database) / "index", short_lived=True) as library:
        library.sync(folder)
        library._imports.changed = False
        time.sleep(2.5)  # a sync reads files again that changed within the last few seconds
        library.sync(folder)
        started = time.perf_counter()
        report = library.sync(folder)
        return {"seconds": time.perf_counter() - started, "files": report.unchanged}


TASKS: dict[str, Callable[..., dict[str, Any]]] = {
    task.__name__: task for task in (ingest, relevance, build, retrieve, answer, enter, recall, cold, page, unchanged)
}


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    print(json.dumps(TASKS[sys.argv[1]](*sys.argv[2:])))
