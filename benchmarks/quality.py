"""Quality on public question sets, through the library as users have it. Prints a table for benchmarks/README.md.

    uv run python benchmarks/quality.py DATA [SET …]      DATA holds qa/<set>/{corpus,questions}.jsonl

Retrieval: nDCG@10 over documents (a document's best passage counts), by words alone, by meaning alone, and fused, from the
same candidates. Extraction: gold string contained in the answer of 400 answerable questions (evenly spaced), open
retrieval, and how many sentences it took. The indexes are kept in the temporary folder by the sets' names.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
from pathlib import Path

from rag import Document, Library, metrics

RETRIEVAL = ("squad20_dev", "nq_litm_oracle", "clapnq_dev", "multihop_rag_500", "multihop_wiki_200")
EXTRACTION = ("squad20_dev", "nq_litm_oracle")


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def opened(data: Path, name: str, folder: Path) -> Library:
    library = Library.open(folder / name, asks_once=True)
    corpus = rows(data / "qa" / name / "corpus.jsonl")
    library.add_documents(Document(row["text"], row["title"], source=row["id"]) for row in corpus)
    return library


def ndcg(ranked: list[str], gold: set[str], k: int = 10) -> float:
    gain = sum(1 / math.log2(i + 2) for i, source in enumerate(ranked[:k]) if source in gold)
    return gain / sum(1 / math.log2(i + 2) for i in range(min(k, len(gold))))


def by(hits: list, key) -> list[str]:
    return list(dict.fromkeys(hit.source for hit in sorted(hits, key=key, reverse=True)))


def evenly(questions: list[dict], n: int) -> list[dict]:
    return questions[:: max(1, len(questions) // n)][:n]


def retrieval(library: Library, questions: list[dict]) -> dict[str, float]:
    scores: dict[str, list[float]] = {"words": [], "meaning": [], "fused": []}
    for question in questions:
        gold = {e["doc_id"] for e in question["evidence"]}
        hits = library.search(question["question"], 200)
        for name, key in (
            ("words", lambda h: h.ranks.lexical),
            ("meaning", lambda h: h.ranks.dense),
            ("fused", lambda h: h.score),
        ):
            scores[name].append(ndcg(by(hits, key), gold))
    return {name: metrics.mean(values) for name, values in scores.items()}


def extraction(library: Library, questions: list[dict]) -> dict[str, float]:
    contained, answered, sentences, exact, total = [], [], [], 0, 0
    for question in questions:
        answer = library.ask(question["question"])
        answered.append(answer.status == "answered")
        contained.append(metrics.contains_gold(answer.text, question["answers"]))
        if answer.citations:
            sentences.append(len(answer.citations))
        for c in answer.citations:
            total += 1
            exact += library.document(c.source).text[c.start : c.end] == c.quote
    return {"contained": metrics.mean(contained), "answered": metrics.mean(answered), "sentences": metrics.mean(sentences),
            "citations exact": exact / total}  # fmt: skip


def main() -> None:
    data, names = Path(sys.argv[1]), sys.argv[2:] or RETRIEVAL
    folder = Path(tempfile.gettempdir()) / "rag-quality"
    for name in names:
        with opened(data, name, folder) as library:
            questions = [q for q in rows(data / "qa" / name / "questions.jsonl") if q.get("answerable", True)]
            with_gold = [q for q in questions if any(e.get("doc_id") for e in q["evidence"])]
            figures = retrieval(library, evenly(with_gold, 600))
            print(f"{name}: nDCG@10 " + "  ".join(f"{k} {v:.3f}" for k, v in figures.items()), flush=True)
            if name in EXTRACTION:
                figures = extraction(library, evenly(with_gold, 400))
                print(f"{name}: " + "  ".join(f"{k} {v:.3f}" for k, v in figures.items()), flush=True)


if __name__ == "__main__":
    main()
