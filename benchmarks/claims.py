"""How well the rules for claims tell true sentences from others, on SummEdits (Apache-2.0).

    uv run python benchmarks/claims.py DATA

DATA holds qa/summedits/. Each sentence of a consistent summary is held against the passages of its own document, and
of another of the same kind; each of a summary with a changed fact against its own. Prints, for several thresholds, the
share that passes with its best passage; and how often a wrong figure or name, or a "not", is named.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Iterable
from pathlib import Path

from rag.answering.claims import ENOUGH, Support, support
from rag.index.splitting import SentencePacker
from rag.models.embedder import MiniLM
from rag.settings import Settings
from rag.text.sentences import sentences


def main() -> None:
    """Measures and prints."""
    folder = Path(sys.argv[1]) / "qa" / "summedits"
    texts = {d["id"]: d["text"] for d in map(json.loads, (folder / "corpus.jsonl").read_text("utf-8").splitlines())}
    asked = [json.loads(line) for line in (folder / "questions.jsonl").read_text("utf-8").splitlines()]
    kinds: dict[str, list[str]] = {}
    for row in asked:
        kinds.setdefault(row["type"], [])
        if row["context_doc_ids"][0] not in kinds[row["type"]]:
            kinds[row["type"]].append(row["context_doc_ids"][0])
    passages = Passages(texts)
    true, edited, other = [], [], []
    for row in asked:
        own = row["context_doc_ids"][0]
        same = kinds[row["type"]]
        for start, end in sentences(row["question"]):
            claim = row["question"][start:end]
            (true if row["label"] else edited).append(passages.best(claim, own))
            if row["label"] and len(same) > 1:
                other.append(passages.best(claim, same[(same.index(own) + 1) % len(same)]))
    counts = f"{len(true)} sentences consistent, {len(edited)} of summaries with a changed fact"
    print(f"{counts}, {len(other)} held against another document")
    print("| threshold | consistent pass | another document's pass |\n|---|---|---|")
    for threshold in (0.3, 0.4, ENOUGH, 0.5, 0.6):
        print(f"| {threshold} | {_passing(true, threshold):.3f} | {_passing(other, threshold):.3f} |")
    print("| named | consistent | with a changed fact |\n|---|---|---|")
    print(f"| a figure or name | {_share(s.wrong for s in true):.3f} | {_share(s.wrong for s in edited):.3f} |")
    print(f"| a “not”, an order | {_share(s.reversed for s in true):.3f} | {_share(s.reversed for s in edited):.3f} |")


class Passages:
    """Documents, cut as they are when they are taken in."""

    def __init__(self, texts: dict[str, str]) -> None:
        splitter = SentencePacker(Settings().passage_tokens, MiniLM().token_starts)
        self._texts = texts
        self._cut = {id_: list(splitter.split(text, markdown=False)) for id_, text in texts.items()}

    def best(self, claim: str, id_: str) -> Support:
        """What the passage says that has most of a claim's words."""
        held = [support(claim, self._texts[id_], p.start, p.end) for p in self._cut[id_]]
        return max(held, key=lambda found: (found.share, found.closeness))


def _passing(supports: list[Support], threshold: float) -> float:
    return _share(s.share >= threshold for s in supports)


def _share(found: Iterable[object]) -> float:
    return statistics.fmean(bool(one) for one in found)


if __name__ == "__main__":
    main()
