"""Measures the quality of rag and of the LlamaIndex + Chroma quickstart on public test sets, with rag's own evaluation.

    uv run --group benchmarks python benchmarks/quality.py DATA HOME [SET …] [--most 600] [--keep DIR] [--write]

DATA must contain qa/<set>/. HOME is the folder in which `benchmarks/opponent.py prepare` put Chroma's embedder. Of each
test set, only the reported part is used (`benchmarks/sets.py`), with at most 600 questions, evenly spaced; test sets on
which nothing is fitted are used in full. ClapNQ's questions are restricted to their own passages. --keep DIR keeps both
systems' indexes, and rag's runs as DIR/<set>.json for `rag eval --compare`. --write writes the tables to
benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import opponent
import sets

from rag import Library
from rag.evaluation import metrics, scoring, statistics, test_sets
from rag.evaluation.aggregation import aggregate
from rag.evaluation.records import RowJSON, RunJSON, group_of

ROOT = Path(__file__).parent.parent
README = ROOT / "benchmarks" / "README.md"
BEGIN, END = "<!-- quality: written by benchmarks/quality.py -->", "<!-- end of quality -->"
SEED = "seed"
WHOLE = (sets.MULTIHOP_NEWS, sets.MULTIHOP_WIKI)  # nothing is fitted on these test sets
WITHIN = (sets.CLAPNQ,)  # each question is restricted to its own passages
ANSWERED = (sets.SQUAD, sets.NQ, sets.CLAPNQ, SEED)
_CANDIDATES = 200
HALVES: dict[str, Callable] = {"words": lambda hit: hit.ranks.lexical, "meaning": lambda hit: hit.ranks.dense or 0.0}


@dataclass(frozen=True)
class SetResult:
    """The results of both systems on the same questions from one test set."""

    name: str
    run: RunJSON
    quickstart: Sequence[RowJSON]

    def ours(self, name: str) -> str:
        """Returns rag's value for a metric, with its interval."""
        return _format(self.run["figures"].get(name), self.run["intervals"].get(name))

    def theirs(self, name: str) -> str:
        """Returns the quickstart's value for a metric, with its interval."""
        found = aggregate(self.quickstart)
        return _format(found.values.get(name), found.intervals.get(name))

    def lead(self, name: str) -> str:
        """Returns rag's value for a metric minus the quickstart's, paired by question."""
        return _difference(self.quickstart, self.run["questions"], name, name)

    def lead_over_half(self) -> str:
        """Returns the nDCG@10 with both scores minus that with the better score alone, paired by question."""
        rows = self.run["questions"]
        better = max(HALVES, key=lambda half: self.run["figures"][f"doc_ndcg@10.{half}"] or 0.0)
        return _difference(rows, rows, f"doc_ndcg@10.{better}", "doc_ndcg@10")


def _difference(first: Sequence[RowJSON], second: Sequence[RowJSON], one: str, other: str) -> str:
    parts = [[row["measures"].get(name, (0.0, 0.0)) for row in rows] for rows, name in ((first, one), (second, other))]
    values = [sum(part[0] for part in side) / max(1e-9, sum(part[1] for part in side)) for side in parts]
    interval = statistics.Bootstrap([group_of(row) for row in first]).difference_interval(*parts)
    return _format(values[1] - values[0], interval, sign="+")


def _format(value: float | None, interval: tuple[float, float] | None, sign: str = "") -> str:
    if value is None:
        return ""
    if value == 1 or interval is None:
        return f"{value:{sign}.3f}"
    return f"{value:{sign}.3f} ({interval[0]:{sign}.3f} to {interval[1]:{sign}.3f})"


class Halves:
    """Adds to a run how well the documents are ranked by wording alone and by meaning alone, for the same candidates."""

    def __init__(self, library: Library) -> None:
        self._library = library

    def judge_row(self, row: RowJSON) -> None:
        """Adds both measurements to a question that has gold."""
        gold = {one["source"]: 1.0 for one in row["gold"]}
        if not gold:
            return
        hits = self._library.search(row["question"]["question"], _CANDIDATES)
        for half, key in HALVES.items():
            ranked = list(dict.fromkeys(hit.source for hit in sorted(hits, key=key, reverse=True)))
            gains = metrics.ranking_gains(ranked, gold)
            row["measures"][f"doc_ndcg@10.{half}"] = (metrics.ndcg(gains, 10, list(gold.values())), 1)


def measure_set(data: Path, name: str, folder: Path, most: int) -> SetResult:
    """Asks both systems the questions in one test set."""
    if name == SEED:
        questions, corpus = test_sets.read_set(ROOT / "tests" / "sets" / "seed.yaml"), None
    else:
        questions, corpus = sets.read(data, name)
        if name not in WHOLE:
            questions = sets.part(questions, reported=True, most=most)
    within = name in WITHIN
    with Library.open(folder / f"{name}-rag", short_lived=True) as library:
        if corpus is None:
            library.sync(ROOT / "seeds")
        else:
            library.add_documents(corpus.documents)
        halves = None if within or name == SEED else Halves(library)
        run = library.evaluations.run(questions, within=within, judge=halves, on_progress=_progress(name))
        documents = [library.document(info.source) for info in library.documents()]
    quickstart = opponent.Quickstart(documents, folder / f"{name}-quickstart")
    rows = list(scoring.score_questions(quickstart, questions.questions, within=within, on_defect=lambda _: None))
    print(f"\r{name}: both systems answered {len(rows)} questions", flush=True)
    return SetResult(name, run, rows)


def _progress(name: str) -> Callable[[int, int], None]:
    return lambda done, total: print(f"\r{name}: {done} of {total}", end="", flush=True) if done % 20 == 0 else None


def retrieval(every: Sequence[SetResult]) -> Iterator[str]:
    """Yields a table with nDCG@10 for documents."""
    yield "| test set | questions | wording | meaning | both | both − better of the two | quickstart | rag − quickstart |"
    yield "|---|---|---|---|---|---|---|---|"
    for one in every:
        if "doc_ndcg@10.words" in one.run["figures"] and one.name != sets.CHUNKING:
            halves = [f"{one.run['figures'][f'doc_ndcg@10.{half}']:.3f}" for half in HALVES]
            n = one.run["cases"]["doc_ndcg@10"]
            cells = (one.name, str(n), *halves, one.ours("doc_ndcg@10"), one.lead_over_half(), one.theirs("doc_ndcg@10"),
                     one.lead("doc_ndcg@10"))  # fmt: skip
            yield f"| {' | '.join(cells)} |"


def passages(every: Sequence[SetResult]) -> Iterator[str]:
    """Yields a table with the overlap between passages and gold quotes in characters."""
    for one in every:
        if one.name == sets.CHUNKING:
            names = ("span_recall@5", "span_precision@5", "span_iou@5")
            yield f"| {len(one.quickstart)} questions, five passages | recall | precision | IoU |"
            yield "|---|---|---|---|"
            yield f"| rag | {' | '.join(map(one.ours, names))} |"
            yield f"| quickstart | {' | '.join(map(one.theirs, names))} |"
            yield f"| rag − quickstart | {' | '.join(map(one.lead, names))} |"


def answers(every: Sequence[SetResult]) -> Iterator[str]:
    """Yields a table about extracted answers and their citations."""
    yield "| test set | contains gold | sentences | characters | exact citations | citations that overlap gold | gold quotes that citations overlap | quickstart: contains gold | quickstart: characters |"  # fmt: skip  # noqa: E501
    yield "|---|---|---|---|---|---|---|---|---|"
    for one in every:
        if one.name in ANSWERED:
            lengths = [f"{_characters(rows):.0f}" for rows in (one.run["questions"], one.quickstart)]
            # Answers do not repeat long gold answers word for word, so for ClapNQ only the citations are compared.
            said = ("", "") if one.name == sets.CLAPNQ else (one.ours("gold_contained"), one.theirs("gold_contained"))
            cells = (one.name, said[0], one.ours("sentences"), lengths[0], one.ours("citation_exact"),
                     one.ours("citation_precision"), one.ours("citation_recall"), said[1], lengths[1])  # fmt: skip
            yield f"| {' | '.join(cells)} |"


def _characters(rows: Sequence[RowJSON]) -> float:
    return metrics.mean(
        [len(row["answer"]) for row in rows if row["question"]["answerable"] and row["status"] == "answered"]
    )


def declining(every: Sequence[SetResult]) -> Iterator[str]:
    """Yields a table about answering and declining."""
    yield "| test set | answerable, unanswerable questions | AUROC of the evidence score | unanswerable questions declined | answerable questions declined | right | AUROC of the quickstart's similarity |"  # fmt: skip  # noqa: E501
    yield "|---|---|---|---|---|---|---|"
    for one in every:
        answerable = sum(row["question"]["answerable"] for row in one.quickstart)
        if one.name in ANSWERED and answerable < len(one.quickstart):
            cells = (one.name, f"{answerable}, {len(one.quickstart) - answerable}", one.ours("auroc"),
                     one.ours("refusal_recall"), one.ours("false_refusals"), one.ours("right"),
                     one.theirs("auroc"))  # fmt: skip
            yield f"| {' | '.join(cells)} |"


def report(every: Sequence[SetResult]) -> str:
    """Returns all tables as Markdown."""
    sections = (
        (
            "nDCG@10 for documents when the same candidates are ranked by their wording, by their meaning, and by both.",
            retrieval,
        ),
        ("Overlap between the retrieved passages and the gold quotes, in characters (`chunking_eval`).", passages),
        (
            "Extracted answers to the answerable questions; a declined question counts as a miss. The quickstart has no "
            "chat model, so its best passage is taken as its answer.",
            answers,
        ),
        (
            "Declining at the built-in threshold. The quickstart has no evidence score, so the similarity of its best "
            "passage is used instead.",
            declining,
        ),
    )
    version = every[0].run["versions"]["rag"]
    text = f"{date.today().isoformat()}, rag {version}. 95 % intervals are in parentheses.\n"
    for words, table in sections:
        lines = list(table(every))
        if lines:
            text += f"\n{words}\n\n" + "\n".join(lines) + "\n"
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("home", type=Path)
    parser.add_argument("sets", nargs="*", default=[*sets.SETS, SEED])
    parser.add_argument("--most", type=int, default=600)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    os.environ["HOME"] = str(arguments.home)  # must be set before Chroma looks for its embedder
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        every = []
        for name in arguments.sets:
            every.append(measure_set(arguments.data, name, folder, arguments.most))
            if arguments.keep:
                (folder / f"{name}.json").write_text(json.dumps(every[-1].run))
    text = report(every)
    sys.stdout.write(f"\n{text}")
    if arguments.write:
        before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
        README.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
