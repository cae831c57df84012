"""Rows of a run: located gold, and measurements that can be computed by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag import Library
from rag.evaluation.records import RunJSON
from rag.evaluation.test_sets import read_set

from .conftest import write


def test_gold_that_is_not_found_is_a_defect(library: Library, tmp_path: Path) -> None:
    """It is reported and never scored; every place at which gold occurs counts."""
    path = write(
        tmp_path,
        "- {id: a, question: 'Who met Sun?', answers: [x], evidence: [{source: nowhere.txt, quote: words},"
        " {source: crane.txt, quote: not in it}, {source: crane.txt, quote: The new crane}]}",
    )
    run = library.evaluate(read_set(path))

    assert [
        "a: the library has no document nowhere.txt",
        "a: the gold quote is not in crane.txt: “not in it”",
    ] == run["defects"]
    assert [[(0, 13), (39, 52)]] == [gold["places"] for gold in run["questions"][0]["gold"]]


def test_measures_by_hand(run: RunJSON) -> None:
    """One document of two sentences, one about bees: the metrics can be computed by hand."""
    figures = run["figures"]

    assert (3, 2) == (figures["questions"], figures["answerable"])
    assert (1.0, 1.0, 1.0, 1.0) == tuple(figures[name] for name in ("hit@1", "doc_mrr@10", "ndcg@10", "span_recall@5"))
    assert (1.0, 1.0, 1.0) == tuple(figures[name] for name in ("citation_exact", "gold_contained", "refusal_recall"))
    assert (1.0, 0.0, 1.0) == tuple(figures[name] for name in ("right", "false_refusals", "auroc"))
    by_id = {row["question"]["id"]: row for row in run["questions"]}
    cited = by_id["crane"]["citations"][0]
    assert ("The new crane can lift forty-two tonnes.", True, True) == (cited["quote"], cited["exact"], cited["right"])
    assert cited["before"].endswith("Gdansk. ")
    # "new crane can lift fortytwo tonnes" against "fortytwo tonnes", without the article: 2 common of 6 and 2.
    assert pytest.approx(2 * 2 / (6 + 2)) == by_id["crane"]["measures"]["f1"][0]
    assert (1.0, 1.0) == (by_id["moon"]["measures"]["em"][0], by_id["moon"]["measures"]["f1"][0])


def test_questions_within_their_own_documents(library: Library, tmp_path: Path) -> None:
    """With `within`, a question is asked of the documents that the test set names for it, and of no others."""
    path = write(
        tmp_path,
        "- {id: a, question: 'How much can the new crane lift?', answers: [forty-two], context_doc_ids: [bees.txt]}",
    )
    (row,) = library.evaluations.run(read_set(path), within=True)["questions"]

    assert {"bees.txt"} == {hit["source"] for hit in row["hits"]}
    assert "abstained" == row["status"]
