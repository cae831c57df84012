"""Fits the linear models of rag/extract.py, and measures them on questions they were not fitted on.

    uv run --group benchmarks python benchmarks/fit_extraction.py DATA [--by-words]

Sentence model: questions of SQuAD 2.0 and NQ that have an answer, features as `rag.extract` computes them, label "holds the
gold string and stands in the gold document". Evidence model: the same questions, those SQuAD cannot answer, questions of
one set asked of the other's documents, and libraries of four neighbouring paragraphs of one article asked about themselves
and about the article's other paragraphs. Questions are halved by paragraph: one half fits, the other is reported. With
--by-words nothing has a vector, as while an embeddings endpoint is down.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from quality import evenly, opened, rows
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from rag import Document, Library, extract, metrics

SETS = ("squad20_dev", "nq_litm_oracle")
N = 1_000  # questions a set
BY_WORDS = "--by-words" in sys.argv
SENTENCE, EVIDENCE = list(extract._SENTENCE), list(extract._EVIDENCE_BY_WORDS if BY_WORDS else extract._EVIDENCE)


def half(name: str) -> int:
    return hashlib.sha256(name.encode()).digest()[0] % 2


def look(library: Library, question: str):
    """The scored sentences of a question, and the evidence features of the best."""
    library._prepare_search()
    if BY_WORDS:
        library._search._embedded = lambda _: (None, "")
    found = library._search(question, 8, None)
    scored = extract._scored(question, found, found.hits[:5], library._embedder, None)
    if not scored:
        return [], None
    best = max(scored, key=lambda s: s.score)
    features = extract._evidence_features(question, found, best)
    return scored, [features[name] for name in EVIDENCE]


def paragraphs_of_one_article(data: Path):
    """(library, question, answered by it, half) over libraries of four paragraphs."""
    corpus = rows(data / "qa" / "squad20_dev" / "corpus.jsonl")
    asked: dict[str, list[dict]] = {}
    for question in rows(data / "qa" / "squad20_dev" / "questions.jsonl"):
        if question["answerable"]:
            asked.setdefault(question["context_doc_ids"][0], []).append(question)
    articles: dict[str, list[dict]] = {}
    for row in corpus:
        articles.setdefault(row["id"].split("#")[0], []).append(row)
    for name, paragraphs in articles.items():
        for begin in range(0, len(paragraphs) - 7, 16):
            group, other = (paragraphs[begin : begin + 4], paragraphs[begin + 4 : begin + 8])
            with tempfile.TemporaryDirectory() as folder, Library.open(folder, asks_once=True) as library:
                library._changed = False
                library.add_documents(Document(p["text"], p["title"], source=p["id"]) for p in group)
                library._changed = False  # Chroma is of no use to four paragraphs
                for part, answered in ((group, True), (other, False)):
                    for question in [q for p in part for q in asked.get(p["id"], [])][:8]:
                        yield (look(library, question["question"])[1], answered, half(name))


def main() -> None:
    data = Path(sys.argv[1])
    folder = Path(tempfile.gettempdir()) / "rag-quality"
    sentence_rows, evidence_rows = [], []
    libraries = {name: opened(data, name, folder) for name in SETS}
    for name in SETS:
        questions = evenly(rows(data / "qa" / name / "questions.jsonl"), N)
        other = libraries[SETS[1 - SETS.index(name)]]
        for i, question in enumerate(questions):
            side = half(question.get("group") or question["id"])
            scored, evidence = look(libraries[name], question["question"])
            evidence_rows.append((evidence, question["answerable"], side, name))
            if i % 4 == 0:
                evidence_rows.append((look(other, question["question"])[1], False, side, "another set"))
            if question["answerable"]:
                gold = {e["doc_id"] for e in question["evidence"]}
                labels = [metrics.contains_gold(s.quote, question["answers"]) and s.hit.source in gold for s in scored]
                if any(labels):
                    values = [[s.features[f] for f in SENTENCE] for s in scored]
                    sentence_rows.append((values, labels, side, name))
        print(name, len(questions), flush=True)
    evidence_rows += [(*row, "four paragraphs") for row in paragraphs_of_one_article(data)]
    evidence_rows = [row for row in evidence_rows if row[0] is not None]

    fit = [row for row in sentence_rows if row[2] == 0]
    weight = {name: 1000 / sum(row[3] == name for row in fit) for name in SETS}
    model = LogisticRegression(C=100, max_iter=5000).fit(
        np.vstack([row[0] for row in fit]), np.concatenate([row[1] for row in fit]),
        sample_weight=np.concatenate([np.full(len(row[1]), weight[row[3]]) for row in fit]),
    )  # fmt: skip
    print("sentence", json.dumps(dict(zip(SENTENCE, model.coef_[0].round(2).tolist(), strict=True))))

    x = np.array([row[0] for row in evidence_rows])
    y, side, kind = (np.array([row[i] for row in evidence_rows]) for i in (1, 2, 3))
    # Each kind counts alike, but the adversarial questions of SQuAD less: nobody's documents are asked like that.
    weights = np.array(
        [1000 / sum(kind == k) * (0.3 if k == SETS[0] and not a else 1) for k, a in zip(kind, y, strict=True)]
    )
    weights[kind == "four paragraphs"] *= 3
    model = LogisticRegression(C=10, max_iter=5000).fit(x[side == 0], y[side == 0], sample_weight=weights[side == 0])
    print(
        "evidence",
        json.dumps(dict(zip(EVIDENCE, model.coef_[0].round(2).tolist(), strict=True))),
        model.intercept_.round(2),
    )
    p = model.predict_proba(x)[:, 1]
    report = side == 1
    for k in (SETS[0], "four paragraphs"):
        print(f"AUROC {k}: {roc_auc_score(y[report & (kind == k)], p[report & (kind == k)]):.3f}")
    for threshold in (0.08, 0.12, 0.2, 0.3):
        shares = {
            f"{k} {'answerable' if a else 'not'}": round(float(np.mean(p[rows_] >= threshold)), 2)
            for k in sorted(set(kind)) for a in (True, False) if (rows_ := report & (kind == k) & (y == a)).any()
        }  # fmt: skip
        print(f"answered at {threshold}: {shares}")


if __name__ == "__main__":
    main()
