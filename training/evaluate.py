"""Measures the answers that rag gives with its reader to the questions that no reader was trained on.

    python -m training.evaluate DATA FOLDER [--sets desk,own] [--most 500] [--read-passages 12] [--out rows.json]

DATA is the folder of the question sets. FOLDER is where the libraries are stored.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rag.answering.extraction import closest_sentence
from rag.evaluation.metrics import contains_gold, f1
from rag.evaluation.statistics import auroc
from rag.settings import Settings
from training.held import SETS, Held, held, library

_WRONGLY_DECLINED = 0.12  # share of the answerable questions at which sets are compared


def ask(name: str, options: argparse.Namespace) -> list[dict]:
    """Asks a set's questions, never declining, and returns a row for each."""
    settings = Settings(read_passages=options.read_passages, reader=options.reader)
    questions = list(held(name, options.data))
    questions = questions[:: max(1, -(-len(questions) // options.most))]
    with library(name, options.data, options.folder, settings) as opened:
        opened.preload()
        return [_row(one, opened) for one in questions]


def _row(one: Held, opened) -> dict:  # noqa: ANN001
    started = time.perf_counter()
    answer = opened._answer_without_abstaining(one.question, None)
    seconds = time.perf_counter() - started
    closest = [closest_sentence(hit).text for hit in answer.hits[:3]]
    return {
        "unit": one.unit,
        "question": one.question,
        "answerable": one.answerable,
        "style": one.style,
        "evidence": answer.evidence,
        "gold": bool(one.answers) and contains_gold(answer.text, one.answers),
        "short_f1": f1(answer.short, one.answers) if one.answers else 0.0,
        "sentences": len(answer.citations),
        "read": answer.read,
        "near": bool(one.near) and any(_overlap(one.near, text) for text in closest),
        "has_near": bool(one.near),
        "text": answer.text,
        "short": answer.short,
        "answers": one.answers,
        "seconds": seconds,
    }


def _overlap(one: str, other: str) -> bool:
    one, other = " ".join(one.split()), " ".join(other.split())
    return one in other or other in one


def report(name: str, rows: Sequence[dict], threshold: float) -> str:
    """Returns a line of a Markdown table about a set."""
    yes, no = [row for row in rows if row["answerable"]], [row for row in rows if not row["answerable"]]
    kept = [row for row in yes if row["evidence"] >= threshold]
    at = np.quantile([row["evidence"] for row in yes], _WRONGLY_DECLINED)
    styled = [row["gold"] for row in yes if row["style"] == "paraphrase"]
    near = [row["near"] for row in no if row["has_near"]]
    values = (
        f"{len(yes)} + {len(no)}",
        np.mean([row["gold"] for row in yes]),
        np.mean(styled) if styled else None,
        sum(row["gold"] for row in kept) / len(yes),
        1 - len(kept) / len(yes),
        np.mean([row["evidence"] < threshold for row in no]) if no else None,
        auroc([row["evidence"] for row in rows], [row["answerable"] for row in rows]) if no else None,
        np.mean([row["evidence"] < at for row in no]) if no else None,
        np.mean([row["short_f1"] for row in yes]),
        np.mean([row["sentences"] for row in yes]),
        np.mean(near) if near else None,
        np.median([row["seconds"] for row in rows]) * 1000,
    )
    cells = ("" if value is None else value if isinstance(value, str) else f"{value:.3f}" for value in values)
    return f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--most", type=int, default=500)
    parser.add_argument("--read-passages", type=int, default=Settings().read_passages)
    parser.add_argument("--reader", default="on")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    print(
        "| set | questions | gold, never declining | paraphrase | gold | wrongly declined | declined | AUROC"
        " | declined at .12 | short F1 | sentences | closest sentence is the near miss | p50 ms |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|---|---|")
    every = {}
    for name in options.sets.split(","):
        every[name] = ask(name, options)
        print(report(name, every[name], Settings().evidence), flush=True)
    if options.out:
        options.out.write_text(json.dumps(every, ensure_ascii=False, indent=0), encoding="utf-8")


if __name__ == "__main__":
    main()
