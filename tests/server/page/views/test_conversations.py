"""Conversations stored by browsers come back as they were; anything else is rejected."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.records import Answer, Citation, Flag, Hit, Ranks
from rag.server.page.views import conversations
from rag.server.page.views.conversations import Conversation, Exchange

from .samples import HOSTILE, hostile_answer


def exchange(question: str = "Who met him?", text: str = "India did. [1]") -> Exchange:
    cited = Citation(1, "a.txt", "A", "p. 3", 3, 4, 9, "black", "exact", 0, 5, 7, "abc")
    hit = Hit("a.txt", "A", 3, 0, 900, 0.5, "t" * 900, "", "", "", Ranks(0.5, 1.0, 1, 1), 7)
    answer = Answer(
        question=question,
        text=text,
        status="answered",
        citations=(cited,),
        flags=(Flag("x", "weak", 0, 1, "n"),),
        hits=(hit,) * 5,
        evidence=0.9,
        model="extraction",
        notice="a notice",
        timings_ms={"embed": 1.0, "total": 200.0},
        usage={"prompt_tokens": 3},
        searched="searched",
        read=4,
    )
    return Exchange(question, answer, rating="good")


def test_a_conversation_comes_back_as_it_was() -> None:
    """Everything that the page shows; of the hits, the first three, shortened."""
    stored = Conversation(
        "1", "2026-01-02T03:04:05", (exchange(), Exchange("And?", problem="the index is locked")), "Named"
    )
    back = conversations.from_json(json.loads(json.dumps(conversations.to_json(stored))))

    assert back is not None
    assert (stored.id, stored.started, stored.name, stored.exchanges[1]) == (
        back.id,
        back.started,
        back.name,
        back.exchanges[1],
    )
    first, again = stored.exchanges[0], back.exchanges[0]
    assert first.rating == again.rating
    for field in ("question", "text", "status", "flags", "evidence", "model", "notice", "searched", "read"):
        assert getattr(first.answer, field) == getattr(again.answer, field)
    assert [("a.txt", 4, 9, "black", "exact", "abc")] == [
        (c.source, c.start, c.end, c.quote, c.verdict, c.content_hash) for c in again.answer.citations
    ]
    assert [400] * 3 == [len(hit.text) for hit in again.answer.hits]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(st.data())
def test_whatever_a_browser_sends_is_accepted_or_rejected(data: st.DataObject) -> None:
    """Any value replaced by any other gives a conversation or None, and no error."""
    whole = conversations.to_json(Conversation("1", "2026-01-02", (exchange(),)))
    places = list(_places(whole))
    *way, last = data.draw(st.sampled_from(places))
    holder = whole
    for step in way:
        holder = holder[step]
    holder[last] = data.draw(json_values)

    for one in filter(None, (conversations.from_json(whole), conversations.from_json(data.draw(json_values)))):
        conversations.as_markdown(one)
        assert conversations.from_json(json.loads(json.dumps(conversations.to_json(one)))) == one or one.exchanges


def _places(value: object, way: tuple = ()):
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*way, key)
        yield from _places(inner, (*way, key))


@pytest.mark.parametrize("kept", ["", "null", "3", '"x"', "{}", "[]", '{"id": 1}', "{", "[" * 100_000, "\ud800"])
def test_what_is_no_conversation_is_rejected(kept: str) -> None:
    """The result is None."""
    assert conversations.from_text(kept) is None


def test_an_empty_conversation_is_rejected() -> None:
    """It is neither stored nor opened."""
    assert conversations.from_text(json.dumps(conversations.to_json(Conversation("1", "2026-01-02")))) is None


def test_edit_keeps_the_exchanges_before() -> None:
    """Editing the second question leaves the first; a failed exchange is no turn of the history."""
    stored = Conversation("1", "", (exchange("a"), Exchange("b", problem="no"), exchange("c")))
    assert ["a"] == [one.question for one in stored.before(2).exchanges]
    assert ["a", "c"] == [turn.question for turn in stored.turns]
    assert "bad" == stored.with_rating(2, "bad").exchanges[1].rating


def test_the_title_is_the_name_or_the_first_question() -> None:
    """A long question is shortened to 60 characters."""
    conversation = Conversation("1", "", (Exchange("word " * 20),))
    assert f"{'word ' * 11}word…" == conversation.title
    assert "My name" == conversation.with_name(" My\n name ").title
    assert "New conversation" == Conversation("", "").title


@pytest.mark.parametrize("text", HOSTILE)
def test_an_export_has_no_links_or_pictures(text: str) -> None:
    """An exported conversation shows the original text in any Markdown viewer."""
    exported = conversations.as_markdown(Conversation("1", "", (Exchange(text, hostile_answer(text)),)))

    assert not re.search(r"(?<!\\)[\[\]!`|]|<|://", exported.replace("\\\\", ""))


def test_feedback_becomes_a_row_of_a_test_set(tmp_path) -> None:
    """`rag eval` reads the expected answer and its passage, or that the documents do not answer the question."""
    from rag.evaluation.test_sets import read_set

    rows = [
        conversations.feedback_row(exchange(), "1", "Sun", "met Sun", "a.txt"),
        conversations.feedback_row(exchange(), "2", "", "", ""),
    ]
    path = tmp_path / "feedback.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    first, second = read_set(path).questions

    assert (("Sun",), "met Sun", True) == (first.answers, first.evidence[0].quote, first.answerable)
    assert not second.answerable
