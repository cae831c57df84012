"""Conversations as browsers keep them: whole ones come back as they were, anything else is left out."""

from __future__ import annotations

import html
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rag.records import Answer, Citation, Flag, Hit, Ranks
from rag.server.page.conversation_list import to_save
from rag.server.page.views import conversations
from rag.server.page.views.conversations import Exchange, Talk


def exchange(question: str = "Who met him?", text: str = "India did. [1]") -> Exchange:
    cited = Citation(1, "a.txt", "A", "p. 3", 3, 4, 9, "black", "exact", 0, 5, 7, "abc")
    hit = Hit("a.txt", "A", 3, 0, 900, 0.5, "t" * 900, "", "", "", Ranks(0.5, 1.0, 1, 1), 7)
    answer = Answer(question, text, "answered", (cited,), (Flag("x", "weak", 0, 1, "n"),), (hit,) * 5, 0.9, "extraction",
                    "a notice", {"embed": 1.0, "total": 200.0}, {"prompt_tokens": 3}, "searched", 4)  # fmt: skip
    return Exchange(question, answer, rating="good")


def test_a_conversation_comes_back_as_it_was() -> None:
    """All that is shown of it; of the passages found those that an abstention names, cut."""
    said = Talk("1", "2026-01-02T03:04:05", (exchange(), Exchange("And?", problem="the index is locked")), "Named")
    back = conversations.from_json(json.loads(json.dumps(conversations.to_json(said))))

    assert back is not None
    assert (said.id, said.begun, said.named, said.exchanges[1]) == (back.id, back.begun, back.named, back.exchanges[1])
    first, again = said.exchanges[0], back.exchanges[0]
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
def test_whatever_a_browser_sends_is_taken_or_left(data: st.DataObject) -> None:
    """A value exchanged for any other anywhere in it gives a conversation or none, and no error."""
    whole = conversations.to_json(Talk("1", "2026-01-02", (exchange(),)))
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
def test_what_is_no_conversation_is_left_out(kept: str) -> None:
    """Nothing comes of it."""
    assert conversations.from_text(kept) is None


def test_one_without_a_question_is_none() -> None:
    """It is not kept, and not opened."""
    assert conversations.from_text(json.dumps(conversations.to_json(Talk("1", "2026-01-02")))) is None


@given(st.text())
@example("".join(map(chr, [*range(160), *range(0x2000, 0x2070), 0xFEFF, 0xFFFD])))
def test_the_script_is_told_to_the_character(text: str) -> None:
    """A quote that a browser keeps is that of the document, whatever stands in it."""
    said = to_save("name", text)
    assert said.isascii()
    assert text == json.loads(html.unescape(said))["text"]


def test_until_cuts_and_turns_are_what_was_answered() -> None:
    """Editing the second question leaves the first; what failed is no turn of a follow-up."""
    said = Talk("1", "", (exchange("a"), Exchange("b", problem="no"), exchange("c")))
    assert ["a"] == [one.question for one in said.until(2).exchanges]
    assert ["a", "c"] == [turn.question for turn in said.turns]
    assert "bad" == said.rated(2, "bad").exchanges[1].rating


def test_a_wrong_answer_becomes_a_row_of_a_test_set(tmp_path) -> None:
    """`rag eval` reads it: with what it should have said and where, or as one that the documents do not answer."""
    from rag.evaluation.test_sets import read_set

    rows = [
        conversations.test_row(exchange(), "1", "Sun", "met Sun", "a.txt"),
        conversations.test_row(exchange(), "2", "", "", ""),
    ]
    path = tmp_path / "feedback.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    first, second = read_set(path).questions

    assert (("Sun",), "met Sun", True) == (first.answers, first.evidence[0].quote, first.answerable)
    assert not second.answerable
