"""Ingest and retrieval beside what a user would otherwise write, in one run. Prints a table for benchmarks/README.md.

    uv run python benchmarks/ingest.py DATA MODEL.onnx [ROUNDS]

The opponent is LlamaIndex's quickstart on Chroma: SentenceSplitter(256, 20), VectorStoreIndex over a persistent collection,
Chroma's default embedder (fp32, padded to 256 tokens, batches of 32) with its ONNX file made from the same weights
(`benchmarks/chroma_default.py` writes MODEL.onnx). Both sides take in the same texts; rounds alternate, medians are shown.
"""

from __future__ import annotations

import json
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from chroma_default import ChromaDefault

from rag import Document, Library

QUESTIONS = 30


def corpus(data: Path) -> list[tuple[str, str, str]]:
    lines = (data / "qa" / "squad20_dev" / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines][:300]
    return [(row["id"], row["title"], row["text"]) for row in rows]


def ours(folder: Path, texts, questions) -> tuple[float, float]:
    begun = time.perf_counter()
    with Library.open(folder) as library:
        library.add_documents(Document(text, title, source=id_) for id_, title, text in texts)
        library.fill()
        took = time.perf_counter() - begun
        library.search("warm")
        times = []
        for question in questions:
            asked = time.perf_counter()
            library.search(question, 5)
            times.append(time.perf_counter() - asked)
    return took, statistics.median(times)


def theirs(folder: Path, texts, questions, model: Path) -> tuple[float, float]:
    import chromadb
    from llama_index.core import Document as LlamaDocument
    from llama_index.core import StorageContext, VectorStoreIndex
    from llama_index.core.node_parser import SentenceSplitter
    from llama_index.vector_stores.chroma import ChromaVectorStore

    embedder = ChromaDefault(model)
    begun = time.perf_counter()
    client = chromadb.PersistentClient(str(folder))
    store = ChromaVectorStore(chroma_collection=client.get_or_create_collection("quickstart", embedding_function=None))
    index = VectorStoreIndex.from_documents(
        [LlamaDocument(text=text, id_=id_) for id_, _, text in texts],
        storage_context=StorageContext.from_defaults(vector_store=store),
        transformations=[SentenceSplitter(chunk_size=256, chunk_overlap=20)],
        embed_model=embedder,
    )
    took = time.perf_counter() - begun
    retriever = index.as_retriever(similarity_top_k=5)
    retriever.retrieve("warm")
    times = []
    for question in questions:
        asked = time.perf_counter()
        retriever.retrieve(question)
        times.append(time.perf_counter() - asked)
    client.close()
    return took, statistics.median(times)


def main() -> None:
    data, model, rounds = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 3
    texts = corpus(data)
    characters = sum(len(text) for _, _, text in texts)
    lines = (data / "qa" / "squad20_dev" / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    questions = [json.loads(line)["question"] for line in lines[:: len(lines) // QUESTIONS]][:QUESTIONS]
    measured = []
    for _ in range(rounds):
        pair = []
        for side in (ours, lambda *given: theirs(*given, model)):
            folder = Path(tempfile.mkdtemp(prefix="rag-bench-"))
            pair.append(side(folder, texts, questions))
            shutil.rmtree(folder, ignore_errors=True)
        measured.append(pair)
        print("round:", [(round(characters / took), round(ask * 1000, 1)) for took, ask in pair], flush=True)
    ingest = statistics.median(b[0] / a[0] for a, b in measured)
    retrieval = statistics.median(b[1] / a[1] for a, b in measured)
    print(f"{characters:,} characters, {rounds} rounds: ingest {ingest:.1f} x, one retrieval 1/{retrieval:.0f} of theirs")


if __name__ == "__main__":
    main()
