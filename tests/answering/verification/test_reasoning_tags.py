"""Reasoning before an answer is removed from the stream, wherever the stream is split."""

from __future__ import annotations

import pytest

from rag.answering.verification.reasoning_tags import without_reasoning
from rag.ports import Delta


def passed(*pieces: str) -> str:
    return "".join(delta.text for delta in without_reasoning(iter([Delta(piece) for piece in pieces])))


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("It is so [1].", "It is so [1]."),
        ("<think>Hm [2].</think>\n\nIt is so.", "It is so."),
        ("\n <thinking>Hm.</thinking>It is so.", "It is so."),
        ("<reasoning>Hm.</reasoning> It is so.", "It is so."),
        ("<think></think>It is so.", "It is so."),
        ("It is <think>so</think>.", "It is <think>so</think>."),  # within an answer it is text
        ("<thought>Hm.</thought>", "<thought>Hm.</thought>"),  # another tag
        ("<think>It never ends", ""),
        ("<thi", "<thi"),  # the reply ends within what could be a tag
        ("", ""),
        ("  It is so.", "  It is so."),
    ],
)
def test_reasoning_is_removed(reply: str, answer: str) -> None:
    """In one piece, in two, and character by character."""
    assert answer == passed(reply)
    assert answer == passed(*reply)
    for cut in range(len(reply)):
        assert answer == passed(reply[:cut], reply[cut:])


def test_every_delta_is_passed_on() -> None:
    """Deltas without text keep the stream alive; finish and usage stay."""
    deltas = [Delta("<think>"), Delta(), Delta("x</think>Yes."), Delta("", "stop", (("total", 7),))]

    assert [Delta(), Delta(), Delta("Yes."), Delta("", "stop", (("total", 7),))] == list(without_reasoning(iter(deltas)))
