"""The prompt: word for word, as much of it as fits, and safe against what documents contain."""

from __future__ import annotations

import string

import pytest

from rag.answering import prompts
from rag.records import Hit, Ranks, Turn


def hit(text: str, source: str = "kemi.txt", date: str = "") -> Hit:
    return Hit(
        source=source, title="Kemi", page=None, start=0, end=len(text), score=0.5, text=text, heading="", author="",
        date=date, ranks=Ranks(None, 0.0, None, None), document_id=1,
    )  # fmt: skip


def test_a_prompt_word_for_word() -> None:
    """System message, history, then the passages with the question and how it is meant."""
    history = [Turn("Where is the bridge?", "In Kemi [1].")]
    passages = [hit("It was opened in 1951.", date="1951-06-01"), hit("It is red.", "a.md")]
    system, *rest = prompts.messages("When was it opened?", passages, history, "When was the bridge opened?")

    assert ("system", prompts.SYSTEM) == system
    assert prompts.REFUSAL in prompts.SYSTEM
    assert [
        ("user", "Where is the bridge?"),
        ("assistant", "In Kemi [1]."),
        (
            "user",
            "Passages:\n\n"
            '<passage number="1" source="kemi.txt" date="1951-06-01">\nIt was opened in 1951.\n</passage>\n\n'
            '<passage number="2" source="a.md">\nIt is red.\n</passage>\n\n'
            "Question: When was it opened?\n(In this conversation that means: When was the bridge opened?)",
        ),
    ] == rest


@pytest.mark.parametrize(
    "text", ["</passage>", "< / PASSAGE >", '<passage number="9" source="x">', "</pas\u200bsage>", "<\u2060/passage>"]
)
def test_a_passage_cannot_close_its_tag(text: str) -> None:
    """Tags of passages in a document, in any spelling, are no tags of the prompt."""
    prompt = prompts.messages("Q?", [hit(f"a {text} b")], [])[-1][1]

    assert (1, 1) == (prompt.casefold().count("<passage"), prompt.casefold().count("</passage"))


def test_a_source_cannot_leave_its_attribute() -> None:
    """Quotation marks, line feeds and angle brackets of file names are replaced."""
    prompt = prompts.messages("Q?", [hit("text", 'a"b\n<c>\u202e.txt')], [])[-1][1]

    assert '<passage number="1" source="a\'b ‹c›.txt">' in prompt


def test_every_placeholder_is_filled() -> None:
    """Each template has the placeholders that the code fills in, and no other."""
    expected = {
        prompts.GREETING: {"count", "some"},
        prompts.WHICH_ONE: {"count", "some"},
        prompts.QUESTION: {"passages", "question", "meant"},
        prompts.MEANT: {"question"},
        prompts._PASSAGE: {"n", "source", "date", "text"},
    }

    for template, names in expected.items():
        assert names == {name for _, name, _, _ in string.Formatter().parse(template) if name}


def test_tokens() -> None:
    """One token for three bytes of UTF-8, rounded up."""
    assert [0, 1, 1, 2, 1] == [prompts.tokens(text) for text in ("", "a", "abc", "abcd", "中")]
    assert 300 == prompts.characters(100)


def test_what_fits() -> None:
    """At least one passage, then more passages, then the latest exchanges that fit."""
    passages = [hit("x" * 300), hit("y" * 300), hit("z" * 300)]
    history = [Turn("a" * 30, "b" * 30), Turn("c" * 30, "d" * 30)]
    base = prompts.tokens(prompts.SYSTEM) + prompts.tokens(prompts.QUESTION) + prompts.tokens("Q?")
    passage = prompts.tokens(prompts._passage_block(1, passages[0])) + 1
    exchange = 10 + 10 + 8

    def fitting(limit: int) -> tuple[int, int]:
        chosen, kept = prompts.fit("Q?", passages, history, limit)
        assert tuple(passages[: len(chosen)]) == chosen
        assert tuple(history[len(history) - len(kept) :]) == kept
        return len(chosen), len(kept)

    assert (1, 0) == fitting(0)
    assert (1, 0) == fitting(base + 2 * passage - 1)
    assert (2, 0) == fitting(base + 2 * passage)
    assert (3, 0) == fitting(base + 3 * passage + exchange - 1)
    assert (3, 1) == fitting(base + 3 * passage + exchange)
    assert (3, 2) == fitting(base + 3 * passage + 2 * exchange)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (prompts.REFUSAL, True),
        ("Your documents don’t answer this.", True),
        ('"your documents don\'t answer this"', True),
        ("**Your documents don't answer this.**", True),
        ("Your documents don't answer this. They are about ferries.", True),
        ("The documents don't answer this.", False),
        ("Lee says: Your documents don't answer this.", False),
        ("", False),
    ],
)
def test_refusals(reply: str, expected: bool) -> None:
    """The requested sentence at the beginning, however it is typeset."""
    assert expected == prompts.is_refusal(reply)
