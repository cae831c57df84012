"""Measures on SummEdits (Apache-2.0) how well rag's rules for checking claims detect unsupported sentences.

    uv run python benchmarks/claims.py DATA

DATA must contain qa/summedits/. Each sentence in a consistent summary is checked against the passages of its own document
and against those of a different document of the same type; each sentence in a summary with a changed fact is checked
against its own document. The first table shows, for several thresholds, the share of sentences that the best passage
supports. The second table shows how often the rules report a wrong number or name, or a negation or an instruction.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Iterable
from pathlib import Path

from rag.answering.verification.claims import MIN_SHARE, Support, support
from rag.index.splitting import SentencePacker
from rag.models.embedder import MiniLM
from rag.settings import Settings
from rag.text.sentences import sentences


def main() -> None:
    """Prints the two tables."""
    folder = Path(sys.argv[1]) / "qa" / "summedits"
    texts = {d["id"]: d["text"] for d in map(json.loads, (folder / "corpus.jsonl").read_text("utf-8").splitlines())}
    rows = [json.loads(line) for line in (folder / "questions.jsonl").read_text("utf-8").splitlines()]
    documents: dict[str, list[str]] = {}  # type → ids of the documents of that type
    for row in rows:
        documents.setdefault(row["type"], [])
        if row["context_doc_ids"][0] not in documents[row["type"]]:
            documents[row["type"]].append(row["context_doc_ids"][0])
    passages = Passages(texts)
    consistent, changed, other = [], [], []
    for row in rows:
        own = row["context_doc_ids"][0]
        same_type = documents[row["type"]]
        for start, end in sentences(row["question"]):
            claim = row["question"][start:end]
            (consistent if row["label"] else changed).append(passages.best(claim, own))
            if row["label"] and len(same_type) > 1:
                other.append(passages.best(claim, same_type[(same_type.index(own) + 1) % len(same_type)]))
    counts = f"{len(consistent)} consistent sentences, {len(changed)} sentences from summaries with a changed fact"
    print(f"{counts}, {len(other)} sentences checked against a different document")
    print("| threshold | consistent sentences that pass | … with a different document |\n|---|---|---|")
    for threshold in (0.3, 0.4, MIN_SHARE, 0.5, 0.6):
        print(f"| {threshold} | {_passing(consistent, threshold):.3f} | {_passing(other, threshold):.3f} |")
    print("| reported | consistent summaries | summaries with a changed fact |\n|---|---|---|")
    shares = [_share(support.mismatches for support in supports) for supports in (consistent, changed)]
    print("| a wrong number or name | {:.3f} | {:.3f} |".format(*shares))
    shares = [_share(support.objection for support in supports) for supports in (consistent, changed)]
    print("| a negation or an instruction | {:.3f} | {:.3f} |".format(*shares))


class Passages:
    """Documents that are split into passages in the same way as during an import."""

    def __init__(self, texts: dict[str, str]) -> None:
        splitter = SentencePacker(Settings().passage_tokens, MiniLM().token_starts)
        self._texts = texts
        self._passages = {id_: list(splitter.split(text, markdown=False)) for id_, text in texts.items()}

    def best(self, claim: str, id_: str) -> Support:
        """Returns how well a document supports a claim, judged by the passage that contains most of the claim's words."""
        supports = [support(claim, self._texts[id_], p.start, p.end) for p in self._passages[id_]]
        return max(supports, key=lambda found: (found.share, found.sentence_share))


def _passing(supports: list[Support], threshold: float) -> float:
    return _share(s.share >= threshold for s in supports)


def _share(values: Iterable[object]) -> float:
    return statistics.fmean(bool(value) for value in values)


if __name__ == "__main__":
    main()
