"""Questions, answers and the header: chips, flags, verdicts, and no markup from untrusted text."""

from __future__ import annotations

import html
from dataclasses import replace

import pytest

from rag.records import Flag
from rag.server.page.views import answer_view

from .samples import HOSTILE, answer, assert_only_page_markup, citation, hit, hostile_answer


@pytest.mark.parametrize("text", HOSTILE)
def test_untrusted_text_becomes_no_markup(text: str) -> None:
    """In questions, answers, citations, flags, hits and the header."""
    hostile_hit = hit(source=text, title=text, text=text, heading=text, author=text, date=text)
    declined = answer(
        question=text, status="abstained", hits=(hostile_hit,), model=text, notice=text, searched=text, evidence=0.1
    )
    for markup in (
        answer_view.question_markup(text),
        answer_view.reading_markup([text]),
        answer_view.partial_answer_markup(text),
        answer_view.failure_markup(text),
        answer_view.answer_markup(1, hostile_answer(text)),
        answer_view.answer_markup(1, declined),
        answer_view.examples_markup([text]),
        answer_view.header_markup(text, {text: text}, text).replace('href="/logout"', ""),
    ):
        assert_only_page_markup(markup)


def test_answer_has_chips_where_claims_end() -> None:
    """A marker becomes a chip; the verdict is in words."""
    markup = answer_view.answer_markup(1, answer(text="black [1]", citations=(citation(),), timings_ms={"total": 200.0}))

    assert 'black<sup><a class="chip" href="#c1-1"' in markup
    assert "[1]" not in markup
    assert "✓ 1 citation checked" in html.unescape(markup)


def test_the_words_that_answer_are_bold() -> None:
    """Exactly they are, without a space that is not in the text; words that are no quotation have none."""
    text = "The fee is (40 euros), paid <daily>."
    cited = citation(start=100, end=136, quote=text, answer_end=36, short_start=112, short_end=120)
    markup = html.unescape(answer_view.answer_markup(1, answer(text=f"{text} [1]", citations=(cited,))))
    rephrased = answer_view.answer_markup(1, answer(text=f"{text.upper()} [1]", citations=(cited,)))

    assert 'The fee is (<b class="short">40 euros</b>), paid <daily>.<sup>' in markup
    assert "<b class" not in rephrased


def test_a_partial_answer_shows_no_numbers() -> None:
    """Its markers are dots until they are checked."""
    assert '<p class="said">black ·</p>' in answer_view.partial_answer_markup("black [1]")


def test_an_answer_without_sources_claims_no_checks() -> None:
    """A greeting needs no source; an answer that a model gave without sources says so."""
    greeting = answer(question="hi", text="Hello.", evidence=1.0, timings_ms={"total": 100.0})
    assert "0.1 s" == answer_view.verdict_line(greeting)
    assert "no source given · 0.1 s · gpt" == answer_view.verdict_line(replace(greeting, model="gpt"))


def test_flagged_words_stand_out() -> None:
    """The flagged words are marked, and the reason follows them."""
    flags = (Flag("it has 30 rooms", "weak", 10, 25, "says 30, the source says 20"),)
    markup = html.unescape(
        answer_view.answer_markup(1, answer(text="One fact. it has 30 rooms. End.", flags=flags, model="m"))
    )

    flag = '<span class="flag">≈ not fully supported by the source (says 30, the source says 20)</span>'
    assert f'<span class="doubted">it has 30 rooms</span> {flag}' in markup
    assert "✗ 1 problem found" in markup


def test_closest_passages_name_what_they_lack() -> None:
    """The question's words that the passage does not have; a passage that has them all says that."""
    near = hit(end=9, text="India raised rare earths.")
    markups = [
        answer_view.answer_markup(1, answer(question=question, text="no", status="abstained", hits=(near,)))
        for question in ("What did Pakistan's envoy raise?", "Did India raise rare earths?")
    ]

    assert "does not mention Pakistan's, envoy" in html.unescape(markups[0])
    assert "contains the words of the question, but not the answer" in html.unescape(markups[1])


def test_only_an_abstention_lists_passages() -> None:
    """The three best; an answer lists none."""
    hits = tuple(hit(start=n) for n in range(5))
    assert hits[:3] == answer_view.closest_hits(answer(status="abstained", hits=hits))
    assert () == answer_view.closest_hits(answer(hits=hits))


def test_the_header_says_where_text_goes() -> None:
    """Each address with what is sent there; without any, that nothing leaves the machine."""
    assert "nothing leaves this machine" in answer_view.header_markup("1 document", {})
    assert "passages sent to api&#46;example" in answer_view.header_markup("1 document", {"passages": "api.example"})
    assert "Log out (jane)" in answer_view.header_markup("", {}, "jane")
