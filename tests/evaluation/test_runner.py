"""Evaluation: sets that cannot be used are named; figures are those computed by hand; the seed's gate holds."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rag import Document, Library
from rag.errors import SetError
from rag.evaluation import calibration, metrics, plots, report, scoring
from rag.evaluation.comparison import compare, gated, no_worse, parse_gate
from rag.evaluation.judge import Judge, agreement
from rag.evaluation.records import Gold, Question, QuestionSet, RunJSON, checked_run
from rag.evaluation.runner import RunConditions
from rag.evaluation.test_sets import read_corpus, read_set
from rag.models.chat_model import OpenAIChatModel
from rag.settings import Settings

from ..model_server import ModelServer, model_server, says

SEED = Path(__file__).parent.parent / "sets" / "seed.yaml"
SET = """
- {id: crane, question: "How much can the new crane lift?", answers: [forty-two tonnes], type: number,
   evidence: [{source: crane.txt, quote: forty-two tonnes}]}
- {id: from, question: "Where was the new crane ordered?", answers: [Gdansk], type: place,
   evidence: [{source: crane.txt, quote: ordered from Gdansk}]}
- {id: moon, question: "Who walked on the moon first?", answerable: false, type: near miss}
"""


@pytest.fixture
def cranes(tmp_path: Path):
    with Library.open(tmp_path / "index", short_lived=True) as library:
        text = "The new crane was ordered from Gdansk. The new crane can lift forty-two tonnes."
        library.add_documents(
            [Document(text, "Crane", source="crane.txt"), Document("Bees fly.", "Bees", source="bees.txt")]
        )
        yield library


def write(tmp_path: Path, text: str, name: str = "set.yaml") -> Path:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    return path


def test_the_seed_set_is_whole() -> None:
    """At least 40 questions with gold quotes and 12 that the article does not answer."""
    questions = read_set(SEED).questions

    assert sum(q.answerable and bool(q.evidence) for q in questions) >= 40
    assert sum(not q.answerable for q in questions) >= 12


@pytest.mark.process
def test_the_gate(seeds) -> None:
    """What the seed set must keep. Citations are exact, always; the rest may only get better."""
    measured = seeds.evaluate(read_set(SEED))

    assert measured["defects"] == []
    gates = ["citation_exact>=1.0", "hit@5>=1.0", "hit@1>=0.8", "gold_contained>=0.8", "gold_contained_if_answered>=0.97",
             "refusal_recall>=0.75", "false_refusals<=0.2", "sentences<=2"]  # fmt: skip
    assert [words for words in gates if not gated(parse_gate(words), measured).passed] == []


def test_evaluation_repeats_itself(seeds) -> None:
    """The same figures and intervals from run to run, but for time."""
    questions = replace(read_set(SEED), questions=read_set(SEED).questions[:6])
    first, second = (seeds.evaluate(questions) for _ in range(2))

    for kind in ("figures", "intervals", "cases"):
        assert [{k: v for k, v in run[kind].items() if "_ms" not in k} for run in (first, second)] == [
            {k: v for k, v in first[kind].items() if "_ms" not in k}
        ] * 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no questions"),
        ("- {id: a, answers: [x]}", "has no question"),
        ("- {question: q}", "has no answers"),
        ("- {question: q, answers: ['  ']}", "has no answers"),
        ("- {question: q, answers: [x], colour: red}", "unknown fields: colour"),
        ("- {id: a, question: q, answers: [x]}\n- {id: a, question: r, answers: [x]}", "two questions"),
        ("- {question: q, answers: [x], evidence: [quote]}", "evidence"),
        ("- {question: q, answers: x}", "must be a list"),
        ("- {question: q, answers: [x], answerable: maybe}", "true or false"),
        ("][", "not valid YAML"),
    ],
)
def test_bad_sets(tmp_path: Path, text: str, said: str) -> None:
    """One clear line each."""
    with pytest.raises(SetError, match=said) as raised:
        read_set(write(tmp_path, text))

    assert "\n" not in str(raised.value)


def test_bad_files(tmp_path: Path) -> None:
    """What is no set, no corpus, no run."""
    for text, name, said in (
        ('{"question": "q"}\n{', "x.jsonl", "line 2"), ("{", "x.json", "not valid JSON"),
        ('{"data": [{"paragraphs": [{}]}]}', "x.json", "SQuAD"),
    ):  # fmt: skip
        with pytest.raises(SetError, match=said):
            read_set(write(tmp_path, text, name))
    with pytest.raises(SetError, match="cannot be read"):
        read_set(tmp_path / "nowhere.yaml")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SetError, match="holds no set"):
        read_set(tmp_path / "empty")
    for text, said in (('{"id": "a"}', "no text"), ('{"text": "x"}', "no id"), ('{"id": 1, "text": "x"}\n' * 2, "same id")):
        with pytest.raises(SetError, match=said):
            read_corpus(write(tmp_path, text, "corpus.jsonl"))
    for found, said in (([], "no run"), ({"figures": {}, "questions": [], "schema_version": 1}, "another version")):
        with pytest.raises(SetError, match=said):
            checked_run(found, "x.json")


def test_formats_of_public_sets(tmp_path: Path) -> None:
    """SQuAD 2.0 and BEIR bring their documents; the qrels' grades are kept."""
    asked = [{"id": "1", "question": "Where?", "answers": [{"text": "here", "answer_start": 6}], "is_impossible": False},
             {"id": "2", "question": "Why?", "answers": [], "is_impossible": True}]  # fmt: skip
    squad = {"version": "v2.0", "data": [{"title": "A_b", "paragraphs": [{"context": "It is here.", "qas": asked}]}]}
    found = read_set(write(tmp_path, json.dumps(squad), "dev.json"))
    assert found.questions[0] == Question(
        "1", "Where?", ("here",), (), (Gold("A_b#p0", "here", 6),), True, "span", "A_b#p0", ("A_b#p0",)
    )
    assert not found.questions[1].answerable
    assert found.corpus is not None
    assert [("A_b#p0", "A b")] == [(d.source, d.title) for d in found.corpus.documents]

    beir = tmp_path / "beir"
    (beir / "qrels").mkdir(parents=True)
    write(beir, '{"_id": "d1", "title": "T", "text": "x"}\n{"_id": "d2", "text": "y"}', "corpus.jsonl")
    write(beir, '{"_id": "q1", "text": "what"}\n{"_id": "q2", "text": "unused"}', "queries.jsonl")
    write(beir / "qrels", "query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td2\t0\n", "test.tsv")
    found = read_set(beir)
    assert [("q1", (Gold("d1", relevance=2.0),))] == [(q.id, q.evidence) for q in found.questions]


def test_gold_that_is_not_there_is_a_defect(cranes, tmp_path: Path) -> None:
    """It is reported, never scored; every place where gold stands counts."""
    path = write(tmp_path, "- {id: a, question: 'Who met Sun?', answers: [x], evidence: [{source: nowhere.txt, quote: words},"
                           " {source: crane.txt, quote: not in it}, {source: crane.txt, quote: The new crane}]}")  # fmt: skip
    run = cranes.evaluate(read_set(path))

    assert ["a: no document nowhere.txt", "a: gold quote not in crane.txt: “not in it”"] == run["defects"]
    assert [[(0, 13), (39, 52)]] == [gold["places"] for gold in run["questions"][0]["gold"]]


def test_measures_by_hand(cranes, tmp_path: Path) -> None:
    """One document of two sentences, one of bees: figures that can be computed in the head."""
    run = cranes.evaluate(read_set(write(tmp_path, SET)))
    figures = run["figures"]

    assert (3, 2) == (figures["questions"], figures["answerable"])
    assert (1.0, 1.0, 1.0, 1.0) == tuple(figures[name] for name in ("hit@1", "doc_mrr@10", "ndcg@10", "span_recall@5"))
    assert (1.0, 1.0, 1.0) == tuple(figures[name] for name in ("citation_exact", "gold_contained", "refusal_recall"))
    assert (1.0, 0.0, 1.0) == tuple(figures[name] for name in ("right", "false_refusals", "auroc"))
    by_id = {row["question"]["id"]: row for row in run["questions"]}
    quoted = by_id["crane"]["citations"][0]
    assert ("The new crane can lift forty-two tonnes.", True, True) == (quoted["quote"], quoted["exact"], quoted["right"])
    assert quoted["before"].endswith("Gdansk. ")
    # "new crane can lift fortytwo tonnes" against "fortytwo tonnes", without the article: 2 common of 6 and 2.
    assert pytest.approx(2 * 2 / (6 + 2)) == by_id["crane"]["measures"]["f1"][0]
    assert (1.0, 1.0) == (by_id["moon"]["measures"]["em"][0], by_id["moon"]["measures"]["f1"][0])
    assert json.loads(json.dumps(run)) == json.loads(json.dumps(checked_run(json.loads(json.dumps(run)), "x")))


def test_gates() -> None:
    """Bounds in words; a figure that was not measured keeps none."""
    run: RunJSON = {"figures": {"hit@5": 0.95, "false_refusals": 0.06, "auroc": None}, "intervals": {"hit@5": (0.9, 1.0)}}  # type: ignore[typeddict-item]
    assert gated(parse_gate("hit@5>=0.95"), run).passed
    assert "0.900 to 1.000" in gated(parse_gate("hit@5>=.95"), run).detail
    assert not gated(parse_gate("false_refusals <= 0.05"), run).passed
    assert not gated(parse_gate("auroc>=0.1"), run).passed
    with pytest.raises(SetError, match="not a gate"):
        parse_gate("hit@5 is good")
    with pytest.raises(SetError, match="no figure"):
        gated(parse_gate("hits>=1"), run)


def test_two_runs_compared(cranes, tmp_path: Path) -> None:
    """The question that got worse is shown, and fails the gate; the same run twice passes it."""
    first = cranes.evaluate(read_set(write(tmp_path, SET)))
    second = json.loads(json.dumps(first))
    row = second["questions"][0]
    row["measures"].update(right=[0.0, 1], gold_contained=[0.0, 1], risk=[1.0, 1])

    assert [] == [one for one in no_worse(first, first, 0.02) if not one.passed]
    compared = compare(first, second)
    assert ["crane"] == [before["question"]["id"] for before, _ in compared.flipped]
    right = next(one for one in compared.differences if one.name == "right")
    assert (1.0, pytest.approx(2 / 3), pytest.approx(-1 / 3), 3, "McNemar", 1.0) == (
        right.first, right.second, right.change, right.cases, right.test, right.p,
    )  # fmt: skip
    failed = {one.words.split()[0] for one in no_worse(second, first, 0.02) if not one.passed}
    assert failed == {"right", "gold_contained", "risk"}
    second["questions"][0]["question"]["question"] = "another"
    assert 2 == compare(first, second).common
    page = report.comparison_html(first, json.loads(json.dumps(second)), compared)
    assert "How much can the new crane lift?" in page


def _rows(cases: list[tuple[float, bool, bool]]) -> list:
    return [
        {"question": {"id": str(n), "group": "", "answerable": answerable}, "evidence": evidence,
         "measures": {"risk": (0.0 if right else 1.0, 1)}}
        for n, (evidence, answerable, right) in enumerate(cases)
    ]  # fmt: skip


def test_calibration_by_hand() -> None:
    """Right above .5, wrong below: the threshold parts them; judged on questions it was not fitted on."""
    rows = _rows([(0.6 + n / 100, True, True) for n in range(20)] + [(0.1 + n / 100, n % 2 == 0, False) for n in range(20)])
    fitted = calibration.fit(rows, 0.0, 0.25, about=("set", "hash", "embedder", "now"))

    assert (True, pytest.approx((0.29 + 0.6) / 2, abs=1e-4)) == (fitted.reached, fitted.threshold)
    assert (0.5, 0.0, 1.0, pytest.approx(1 / 3)) == (
        fitted.fitted.coverage, fitted.fitted.risk, fitted.fitted.refusal_recall, fitted.fitted.false_refusals,
    )  # fmt: skip
    assert pytest.approx(0.25 * 10 / 40) == fitted.fitted.cost
    assert fitted.held_out.risk <= 0.1
    assert 0.5 == fitted.curve[0].risk
    hopeless = calibration.fit(_rows([(0.5, True, False)] * 20), 0.1, 0.25, about=("set", "hash", "embedder", "now"))
    assert not hopeless.reached
    with pytest.raises(SetError, match="too few"):
        calibration.fit(rows[:5], 0.1, 0.25, about=("set", "hash", "embedder", "now"))


def test_a_fitted_threshold_is_used(cranes, tmp_path: Path) -> None:
    """By all who ask of this index, unless a threshold is set; forgetting it brings the shipped one back."""
    asked = read_set(write(tmp_path, SET))
    many = QuestionSet(
        "many", "hash", tuple(replace(q, id=f"{q.id}{n}") for q in asked.questions for n in range(5))
    )  # fmt: skip
    fitted = cranes.evaluations.calibrate(many, error_rate=0.0)
    assert fitted.held_out.risk == 0
    cranes.evaluations.keep_calibration(replace(fitted, threshold=0.9999))

    assert "abstained" == cranes.ask("How much can the new crane lift?").status
    assert cranes.evaluations.calibration() == replace(fitted, threshold=0.9999)
    with Library.open(cranes.folder, Settings(evidence=0.1), short_lived=True) as other:
        assert "answered" == other.ask("How much can the new crane lift?").status
    cranes.evaluations.keep_calibration(None)
    assert "answered" == cranes.ask("How much can the new crane lift?").status


def test_runs_are_kept_and_forgotten(cranes, tmp_path: Path) -> None:
    """Of runs that quote a removed document the figures stay, and nothing else."""
    run = cranes.evaluate(read_set(write(tmp_path, SET)))
    number = cranes.evaluations.keep(run)

    assert json.loads(json.dumps(run)) == json.loads(json.dumps(cranes.evaluations.load(number)))
    assert [(number, "set", 3, True)] == [(r.number, r.set_name, r.questions, r.whole) for r in cranes.evaluations.kept()]
    cranes.remove("crane.txt")
    assert [(False, 1.0)] == [(info.whole, info.figures["right"]) for info in cranes.evaluations.kept()]
    with pytest.raises(SetError, match="no whole run"):
        cranes.evaluations.load(number)
    cranes.evaluations.drop(number)
    assert [] == cranes.evaluations.kept()


def test_the_report_shows_nothing_as_markup(cranes, tmp_path: Path) -> None:
    """Questions, documents and answers are text in it; it has no script and asks nobody for anything."""
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)> \u202ereversed | `x` [a](javascript:b)"
    cranes.add_documents([Document(f"The parrot says {evil} to all.", evil, source="evil<b>.txt")])
    rows = [{"id": "<b>", "question": f"What does the parrot say, {evil}?", "answers": [evil], "type": "<i>",
             "evidence": [{"source": "evil<b>.txt", "quote": f"says {evil}"}, {"source": "no<b>", "quote": "x"}]}]  # fmt: skip
    run = cranes.evaluate(read_set(write(tmp_path, "\n".join(map(json.dumps, rows)), "evil.jsonl")))
    gates = [gated(parse_gate("right>=0.5"), run)]
    page = report.html(run, gates)

    for forbidden in ("<script", "<img", "<b>.txt", "\u202e", "http://", "https://", "<i>"):
        assert forbidden not in page
    assert "&lt;script&gt;" in page
    written = ElementTree.fromstring(report.junit(run, gates))
    assert (str(len(gates) + 1), "testsuite") == (written.get("tests"), written.tag)
    for line in report.markdown(run, gates).splitlines():
        assert "<b>" not in line
        assert "](java" not in line


def test_plots() -> None:
    """Whole pictures, also of little."""
    for drawn in (
        plots.line([(0.0, 0.0), (1.0, 0.5)], title="a < b", x="x", y="y", marked=(1.0, 0.5, "here")),
        plots.line([], title="nothing", x="x", y="y"), plots.bars([plots.Bar("<long>" * 9, 0.5, 0.4, 0.6, 9)], title="bars"),
        plots.histogram([], title="none", x="ms"), plots.histogram([1.0, 50.0], title="two", x="ms"),
        plots.dots([(1, 2)], title="dots", x="x", y="y"),
    ):  # fmt: skip
        assert ElementTree.fromstring(drawn).tag == "svg"


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with model_server() as running:
        yield running


def _judge(server: ModelServer, repeats: int = 1) -> Judge:
    return Judge(OpenAIChatModel("m", server.url, "k", first_token_s=5, total_s=10), repeats)


def test_a_judge(cranes, tmp_path: Path, server: ModelServer) -> None:
    """Its verdicts are read however it wraps them; what is no verdict is asked for again, then counted."""
    asked = read_set(write(tmp_path, SET))
    only = replace(asked, questions=asked.questions[:1])
    for reply in (
        'Sure:\n```json\n{"reason": "It says so.", "verdict": "Correct",}\n```',
        '<think>hm {"verdict": "wrong"}</think>{"reason": "It says so.", "verdict": "correct"}',
    ):
        server.replies.clear()
        server.replies.extend([says(reply), says('{"reason": "yes", "verdict": "supported"}')])
        row = cranes.evaluations.run(only, judge=_judge(server))["questions"][0]
        assert (("correct", 1.0, "It says so."), "supported") == (
            tuple(row["judged"]["correctness"][key] for key in ("verdict", "score", "reason")), row["judged"]["groundedness"]["verdict"],
        )  # fmt: skip
    server.replies.clear()
    server.replies.append(says("I would say it is fine."))
    before = len(server.requests)
    run = cranes.evaluations.run(only, judge=_judge(server))
    assert 4 == len(server.requests) - before  # two verdicts, each asked for twice
    assert (1.0, "failed", None) == (
        run["figures"]["judge_failed"],
        run["questions"][0]["judged"]["correctness"]["verdict"],
        run["figures"].get("correctness"),
    )
    assert "I would say" in run["questions"][0]["judged"]["correctness"]["reason"]


def test_repeats_of_a_judge(cranes, tmp_path: Path, server: ModelServer) -> None:
    """The commonest verdict counts; two of three pairs that differ are an agreement of a third."""
    asked = read_set(write(tmp_path, SET))
    verdicts = ["correct", "wrong", "correct", "supported", "supported", "supported"]
    server.replies.extend(says(json.dumps({"reason": "r", "verdict": verdict})) for verdict in verdicts)
    run = cranes.evaluations.run(replace(asked, questions=asked.questions[:1]), judge=_judge(server, 3))

    assert ["correct", "wrong", "correct"] == run["questions"][0]["judged"]["correctness"]["votes"]
    assert (1.0, pytest.approx((1 + 3) / 6)) == (run["figures"]["correctness"], run["figures"]["judge_agreement"])


def test_a_judge_that_is_away(cranes, tmp_path: Path) -> None:
    """Its server is not there: every verdict is counted as failed, with the reason."""
    judge = Judge(OpenAIChatModel("m", "http://127.0.0.1:9/v1", "k", first_token_s=1, total_s=2))
    asked = read_set(write(tmp_path, SET))
    run = cranes.evaluations.run(replace(asked, questions=asked.questions[:1]), judge=judge)

    assert "cannot be reached" in run["questions"][0]["judged"]["correctness"]["reason"]
    assert 1.0 == run["figures"]["judge_failed"]


def test_agreement_with_labels(server: ModelServer) -> None:
    """Of two true and two false claims three are told rightly, one has no verdict: by hand."""
    claims = [
        Question(str(n), f"claim {n}", evidence=(Gold("d"),), label=label)
        for n, label in enumerate((True, True, False, False))
    ]
    for verdict in ("supported", "unsupported", "unsupported"):
        server.replies.append(says(json.dumps({"reason": "r", "verdict": verdict})))
    server.replies.append(says("no idea"))
    found = agreement(_judge(server), claims, lambda source: Document(source * 9, "D"), 100, lambda done, total: None)

    assert (4, pytest.approx((1 / 2 + 1 / 2) / 2), 1) == (found.claims, found.balanced_accuracy, found.failed)
    assert pytest.approx((2 / 3 - 4 / 9) / (5 / 9)) == found.kappa


def test_prices_and_tokens() -> None:
    """Tokens are means, money a sum, by the price that was named or is known."""
    row = {"question": {"id": "a", "group": "", "answerable": True}, "measures": {"tokens_in": (1000, 1), "tokens_out": (500, 1)},
           "evidence": 0.5, "timings_ms": {"total": 5.0}, "model": "gpt-5-mini-2025"}  # fmt: skip
    assert pytest.approx((1000 * 0.25 + 500 * 2) / 1e6) == scoring.figures([row])[0]["cost_usd"]  # type: ignore[list-item]
    assert pytest.approx((1000 * 1 + 500 * 3) / 1e6) == scoring.figures([row], (1.0, 3.0))[0]["cost_usd"]  # type: ignore[list-item]
    assert RunConditions({}, {}, {}).settings == {}


def test_contains_gold() -> None:
    """Whole words, whatever the case, articles and punctuation."""
    assert metrics.contains_gold("It was the “Rare Earth” issue.", ["a rare-earth"])
    assert not metrics.contains_gold("It was 1200.", ["120"])
    assert not metrics.contains_gold("anything", ["the"])
