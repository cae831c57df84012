"""Measures the quality of rag and of others on public test sets, with rag's own evaluation.

    uv run --group benchmarks python benchmarks/quality.py DATA HOME CROSS [SET …] [--most 600] [--keep DIR] [--before DIR]
        [--write]

The others are the LlamaIndex + Chroma quickstart, and the cross-encoder from which rag's reader was trained, which reranks
rag's passages and quotes the best sentence. DATA must contain qa/<set>/. HOME is the folder in which
`benchmarks/opponent.py prepare` put Chroma's embedder, and CROSS the one with the cross-encoder (training/README.md). Of
the test sets on which the reader was trained, only questions about articles and documents are asked that it has never seen
(`benchmarks/sets.py`), at most 600, evenly spaced. ClapNQ's questions are restricted to their own passages. --keep DIR
keeps all indexes, and rag's runs as DIR/<set>.json for `rag eval --compare`. --before DIR compares with the runs that
another version of rag kept there. --write writes the tables to benchmarks/README.md.
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
from cross_encoder import CrossEncoder

from rag import Library
from rag.evaluation import metrics, scoring, statistics, test_sets
from rag.evaluation.aggregation import aggregate
from rag.evaluation.records import RowJSON, RunJSON, group_of

ROOT = Path(__file__).parent.parent
README = ROOT / "benchmarks" / "README.md"
BEGIN, END = "<!-- quality: written by benchmarks/quality.py -->", "<!-- end of quality -->"
SEED = "seed"
WITHIN = (sets.CLAPNQ,)  # each question is restricted to its own passages
ANSWERED = (sets.SQUAD, sets.NQ, sets.CLAPNQ, sets.DESK, SEED)
_CANDIDATES = 200
_WRONGLY_DECLINED = 0.12  # share at which evidence scores are compared
HALVES: dict[str, Callable] = {"words": lambda hit: hit.ranks.lexical, "meaning": lambda hit: hit.ranks.dense or 0.0}


@dataclass(frozen=True)
class SetResult:
    """The results of all systems on the same questions from one test set.

    Attributes:
        before: The rows of another version of rag; None if they are not known.
    """

    name: str
    run: RunJSON
    quickstart: Sequence[RowJSON]
    cross_encoder: Sequence[RowJSON]
    before: Sequence[RowJSON] | None

    def ours(self, name: str) -> str:
        """Returns rag's value for a metric, with its interval."""
        return _format(self.run["figures"].get(name), self.run["intervals"].get(name))

    def others(self, name: str) -> tuple[str, str, str]:
        """Returns the values of another version, the cross-encoder and the quickstart for a metric."""
        return _value(self.before, name), _value(self.cross_encoder, name), _value(self.quickstart, name)

    def lead(self, name: str) -> str:
        """Returns rag's value for a metric minus the quickstart's, paired by question."""
        return _difference(self.quickstart, self.run["questions"], name, name)

    def lead_over_half(self) -> str:
        """Returns the nDCG@10 with both scores minus that with the better score alone, paired by question."""
        rows = self.run["questions"]
        better = max(HALVES, key=lambda half: self.run["figures"][f"doc_ndcg@10.{half}"] or 0.0)
        return _difference(rows, rows, f"doc_ndcg@10.{better}", "doc_ndcg@10")


def _value(rows: Sequence[RowJSON] | None, name: str) -> str:
    if rows is None:
        return ""
    found = aggregate(rows)
    return _format(found.values.get(name), found.intervals.get(name))


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


class Ranking:
    """Adds to a run how well documents are ranked by wording, by meaning, and after reading the passages."""

    def __init__(self, library: Library) -> None:
        self._library = library

    def judge_row(self, row: RowJSON) -> None:
        """Adds the measurements to a question that has gold."""
        gold = {one["source"]: 1.0 for one in row["gold"]}
        if not gold:
            return
        question = row["question"]["question"]
        hits = self._library.search(question, _CANDIDATES)
        rankings = {half: sorted(hits, key=key, reverse=True) for half, key in HALVES.items()}
        rankings["read"] = self._library.search(question, 20, rerank=True)
        for name, ranking in rankings.items():
            gains = metrics.ranking_gains(list(dict.fromkeys(hit.source for hit in ranking)), gold)
            row["measures"][f"doc_ndcg@10.{name}"] = (metrics.ndcg(gains, 10, list(gold.values())), 1)


def measure_set(options: argparse.Namespace, name: str, folder: Path) -> SetResult:
    """Asks all systems the questions in one test set."""
    if name == SEED:
        questions, corpus = test_sets.read_set(ROOT / "tests" / "sets" / "seed.yaml"), None
    else:
        questions, corpus = sets.read(options.data, name)
        questions = sets.reported(questions, options.most)
    within = name in WITHIN
    with Library.open(folder / f"{name}-rag", short_lived=True) as library:
        if corpus is None or corpus.folder:
            library.sync(Path(corpus.folder) if corpus else ROOT / "seeds")
        else:
            library.add_documents(corpus.documents)
        ranking = None if within or name == SEED else Ranking(library)
        run = library.evaluations.run(questions, within=within, judge=ranking, on_progress=_progress(name))
        documents = [library.document(info.source) for info in library.documents() if info.state != "failed"]
        cross_encoder = CrossEncoder(library, options.cross)
        systems = (opponent.Quickstart(documents, folder / f"{name}-quickstart"), cross_encoder)
        rows = [
            list(scoring.score_questions(one, questions.questions, within=within, on_defect=lambda _: None))
            for one in systems
        ]
    print(f"\r{name}: all systems answered {len(rows[0])} questions", flush=True)
    return SetResult(name, run, *rows, _before(options.before, name, run))


def _before(folder: Path | None, name: str, run: RunJSON) -> Sequence[RowJSON] | None:
    """Returns the rows of the same questions in an earlier run."""
    if folder is None or not (folder / f"{name}.json").exists():
        return None
    rows = {row["question"]["id"]: row for row in json.loads((folder / f"{name}.json").read_text())["questions"]}
    return [rows[row["question"]["id"]] for row in run["questions"]]


def _progress(name: str) -> Callable[[int, int], None]:
    return lambda done, total: print(f"\r{name}: {done} of {total}", end="", flush=True) if done % 20 == 0 else None


def retrieval(every: Sequence[SetResult]) -> Iterator[str]:
    """Yields a table with nDCG@10 for documents."""
    yield "| test set | questions | wording | meaning | both | both − better of the two | read (`--rerank`) | cross-encoder | quickstart | both − quickstart |"  # fmt: skip  # noqa: E501
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for one in every:
        if "doc_ndcg@10.words" in one.run["figures"] and one.name != sets.CHUNKING:
            halves = [f"{one.run['figures'][f'doc_ndcg@10.{half}']:.3f}" for half in HALVES]
            n = one.run["cases"]["doc_ndcg@10"]
            _, cross_encoder, quickstart = one.others("doc_ndcg@10")
            cells = (one.name, str(n), *halves, one.ours("doc_ndcg@10"), one.lead_over_half(),
                     one.ours("doc_ndcg@10.read"), cross_encoder, quickstart, one.lead("doc_ndcg@10"))  # fmt: skip
            yield f"| {' | '.join(cells)} |"


def passages(every: Sequence[SetResult]) -> Iterator[str]:
    """Yields a table with the overlap between passages and gold quotes in characters."""
    for one in every:
        if one.name == sets.CHUNKING:
            names = ("span_recall@5", "span_precision@5", "span_iou@5")
            yield f"| {len(one.quickstart)} questions, five passages | recall | precision | IoU |"
            yield "|---|---|---|---|"
            yield f"| rag | {' | '.join(map(one.ours, names))} |"
            for system, row in zip(
                ("before", "cross-encoder", "quickstart"), zip(*map(one.others, names), strict=True), strict=True
            ):
                if any(row):
                    yield f"| {system} | {' | '.join(row)} |"
            yield f"| rag − quickstart | {' | '.join(map(one.lead, names))} |"


def answers(every: Sequence[SetResult]) -> Iterator[str]:
    """Yields a table about extracted answers and their citations."""
    yield "| test set | contains gold | before | cross-encoder | quickstart | F1 of the short answer | sentences | characters | quickstart: characters | exact citations | citations that overlap gold | gold quotes that citations overlap |"  # fmt: skip  # noqa: E501
    yield "|---|---|---|---|---|---|---|---|---|---|---|---|"
    for one in every:
        if one.name in ANSWERED:
            lengths = [f"{_characters(rows):.0f}" for rows in (one.run["questions"], one.quickstart)]
            # Answers do not repeat long gold answers word for word, so for ClapNQ only the citations are compared.
            is_long = one.name == sets.CLAPNQ
            said = (
                ("",) * 5 if is_long else (one.ours("gold_contained"), *one.others("gold_contained"), one.ours("short_f1"))
            )
            cells = (one.name, *said, one.ours("sentences"), *lengths, one.ours("citation_exact"),
                     one.ours("citation_precision"), one.ours("citation_recall"))  # fmt: skip
            yield f"| {' | '.join(cells)} |"


def styles(every: Sequence[SetResult]) -> Iterator[str]:
    """Yields a table about answers to questions in different styles."""
    yield "| style | questions | contains gold | before | cross-encoder | quickstart |"
    yield "|---|---|---|---|---|---|"
    for one in every:
        if one.name == sets.DESK:
            for style in sorted({row["question"]["type"] for row in one.quickstart}):
                every_rows = (one.run["questions"], one.before, one.cross_encoder, one.quickstart)
                kept = [
                    None if rows is None else [r for r in rows if r["question"]["type"] == style] for rows in every_rows
                ]
                number = sum(row["question"]["answerable"] for row in kept[0] or ())
                yield f"| {style} | {number} | {' | '.join(_value(rows, 'gold_contained') for rows in kept)} |"


def _characters(rows: Sequence[RowJSON]) -> float:
    return metrics.mean(
        [len(row["answer"]) for row in rows if row["question"]["answerable"] and row["status"] == "answered"]
    )


def declining(every: Sequence[SetResult]) -> Iterator[str]:
    """Yields a table about answering and declining."""
    yield "| test set | answerable, unanswerable questions | AUROC | before | cross-encoder | quickstart | unanswerable questions declined | answerable questions declined | right | unanswerable questions declined if .12 of the answerable ones are | before |"  # fmt: skip  # noqa: E501
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    for one in every:
        answerable = sum(row["question"]["answerable"] for row in one.quickstart)
        if one.name in ANSWERED and answerable < len(one.quickstart):
            cells = (one.name, f"{answerable}, {len(one.quickstart) - answerable}", one.ours("auroc"), *one.others("auroc"),
                     one.ours("refusal_recall"), one.ours("false_refusals"), one.ours("right"),
                     _declined(one.run["questions"]), _declined(one.before))  # fmt: skip
            yield f"| {' | '.join(cells)} |"


def _declined(rows: Sequence[RowJSON] | None) -> str:
    """Returns the share of the unanswerable questions that are declined if a fixed share of the answerable ones is."""
    if rows is None:
        return ""
    by_kind = {kind: [row["evidence"] for row in rows if row["question"]["answerable"] == kind] for kind in (True, False)}
    threshold = sorted(by_kind[True])[int(_WRONGLY_DECLINED * len(by_kind[True]))]
    return f"{metrics.mean([evidence < threshold for evidence in by_kind[False]]):.3f}"


def report(every: Sequence[SetResult]) -> str:
    """Returns all tables as Markdown."""
    sections = (
        (
            "nDCG@10 for documents when the same candidates are ranked by their wording, by their meaning, and by both.",
            retrieval,
        ),
        ("Overlap between the retrieved passages and the gold quotes, in characters (`chunking_eval`).", passages),
        (
            "Extracted answers to the answerable questions; a declined question counts as a miss. The cross-encoder quotes "
            "the best sentence, and never declines. The quickstart has no chat model, so its best passage is taken as its "
            "answer.",
            answers,
        ),
        ("The same by style (desk).", styles),
        (
            "Declining at the built-in threshold. The AUROC of the cross-encoder is that of its best passage's score, and "
            "the AUROC of the quickstart that of its best passage's similarity.",
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
    parser.add_argument("cross", type=Path)
    parser.add_argument("sets", nargs="*", default=[*sets.SETS, SEED])
    parser.add_argument("--most", type=int, default=600)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--before", type=Path)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    os.environ["HOME"] = str(arguments.home)  # must be set before Chroma looks for its embedder
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        every = []
        for name in arguments.sets:
            every.append(measure_set(arguments, name, folder))
            if arguments.keep:
                (folder / f"{name}.json").write_text(json.dumps(every[-1].run))
    text = report(every)
    sys.stdout.write(f"\n{text}")
    if arguments.write:
        before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
        README.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
