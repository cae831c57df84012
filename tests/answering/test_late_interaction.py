"""How much of a question a text takes up, by the tokens of the embedder that is shipped."""

from __future__ import annotations

import numpy as np
import pytest

from rag.answering.late_interaction import Alignment, _token_weights
from rag.models.embedder import MiniLM

EMBEDDER = MiniLM()
QUESTION = "When did Vikram Misri visit Beijing?"
TEXTS = (
    "Vikram Misri visited Beijing in January.",
    "Vikram Misri visited Moscow in January.",
    "The cat sat on the mat.",
    "",
)


@pytest.fixture(scope="module")
def alignment() -> Alignment:
    idf = {"vikram": 1.0, "misri": 1.0, "visit": 0.2, "beij": 0.6}
    return Alignment(QUESTION, TEXTS, idf, EMBEDDER)


def test_what_a_text_leaves_out_is_matched_worst(alignment: Alignment) -> None:
    """One other name among the same words lowers the worst match by more than the mean."""
    right, other, foreign, nothing = ([alignment.mean([n]), alignment.minimum([n])] for n in range(4))

    assert right[0] > other[0] > foreign[0] > nothing[0] == 0.0
    assert right[1] - other[1] > right[0] - other[0]
    assert alignment.idf_weighted_mean([0]) > alignment.idf_weighted_mean([1]) > alignment.idf_weighted_mean([2])


def test_texts_together_match_what_any_of_them_does(alignment: Alignment) -> None:
    """Of each token the nearest in all texts counts."""
    assert alignment.mean([0, 1]) >= max(alignment.mean([0]), alignment.mean([1]))
    assert alignment.minimum([2, 0]) >= alignment.minimum([0])


def test_a_words_weight_is_shared_by_its_tokens() -> None:
    """Function words and signs weigh nothing, a repeated word as often as it is said."""
    starts = EMBEDDER.embed_tokens([QUESTION])[0].starts
    weights = _token_weights(QUESTION, starts, {"vikram": 1.0, "misri": 1.0, "visit": 0.2, "beij": 0.6})

    by_word: dict[str, float] = {}
    for start, weight in zip(starts, weights.tolist(), strict=True):
        word = QUESTION.split()[QUESTION[:start].count(" ")]
        by_word[word] = by_word.get(word, 0.0) + weight
    assert by_word["Vikram"] == pytest.approx(1)
    assert by_word["Misri"] == pytest.approx(1)
    assert by_word["Beijing?"] == pytest.approx(0.6)
    assert sum(weights) == pytest.approx(2.8)


@pytest.mark.parametrize("question", ["?", "\u200b", "中国 北京 有什么?", "a" * 9000, "😀", "—"])
def test_any_question_can_be_aligned(question: str) -> None:
    """Without words, without tokens, too long: figures come out, and they are finite."""
    alignment = Alignment(question, TEXTS, {}, EMBEDDER)
    for number in range(len(TEXTS)):
        figures = [alignment.mean([number]), alignment.minimum([number]), alignment.idf_weighted_mean([number])]
        assert np.isfinite(figures).all()


def test_tokens_have_unit_vectors_where_they_begin() -> None:
    """Offsets are code points, markers are left out, what the model cannot take is cut off."""
    short, empty, long = EMBEDDER.embed_tokens(["Ärger in Köln", "", "word " * 900])

    assert [0, 6, 9] == [start for start in short.starts if start in (0, 6, 9)]
    assert np.allclose(np.linalg.norm(short.vectors, axis=1), 1, atol=1e-5)
    assert len(short.starts) == len(short.vectors)
    assert 0 == len(empty.vectors)
    assert 510 == len(long.vectors) == len(long.starts)
