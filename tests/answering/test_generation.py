"""Answers that a scripted model writes: streamed, filtered, checked, cut off or replaced by an extractive answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag import Library
from rag.records import TextDelta, Turn
from rag.settings import Settings

from .. import model_server as fake
from ..conftest import ARTICLE
from ..torture.world import leave_chroma_alone

pytestmark = pytest.mark.outage  # some of its servers are silent until a deadline

KEY = "sk-canary0123456789abcdef"


@pytest.fixture
def ask(tmp_path: Path):
    """Asks the article through a scripted server."""

    def answer_of(*replies: fake.Reply, question: str = "What did India raise with Sun Weidong?", history=()):
        with fake.model_server(*replies) as server:
            settings = Settings(model="m", base_url=server.url, api_key=KEY, first_token_s=1, total_s=2)
            with Library.open(tmp_path / "index", settings, short_lived=True) as library:
                leave_chroma_alone(library)
                library.sync(ARTICLE.parent)
                return library.ask(question, history=history), server

    return answer_of


def test_markers_become_citations(ask, article: str) -> None:
    """A marker resolves to the supporting sentence, exact in the document."""
    answer, server = ask(fake.says("India raised China’s rare earth restrictions with Sun Weidong [1]."))

    assert "answered" == answer.status
    assert "m" == answer.model
    (citation,) = answer.citations
    assert article[citation.start : citation.end] == citation.quote
    assert answer.text[citation.answer_start : citation.answer_end].startswith("India raised")
    assert () == answer.flags
    assert "Passages:" in server.requests[0]["body"]["messages"][-1]["content"]


def test_markers_are_numbered_by_their_citations(ask) -> None:
    """Whatever passages a model cites, the text's numbers are those of the citations; a lost marker stays visible."""
    answer, _ = ask(fake.says("India raised China’s rare earth restrictions [3, 1]. Sun visited New Delhi [2][9]."))

    assert answer.text == "India raised China’s rare earth restrictions [1][2]. Sun visited New Delhi [3][?]."
    assert [c.n for c in answer.citations] == [1, 2, 3]
    assert [c.start for c in answer.citations] != sorted(c.start for c in answer.citations)
    for c in answer.citations:
        assert f"[{c.n}]" in answer.text[c.answer_start : c.answer_end]


def test_invented_markers_and_quotations_are_flagged(ask) -> None:
    """They are flagged, and never become citations."""
    answer, _ = ask(
        fake.says('India raised tariffs on steel with him [9]. He said "we will lift all of it tomorrow morning" [1].')
    )

    assert {"unknown marker", "uncited", "not found"} <= {flag.verdict for flag in answer.flags}
    assert all(c.quote in "".join(hit.text for hit in answer.hits) for c in answer.citations)
    for flag in answer.flags:
        assert 0 <= flag.answer_start < flag.answer_end <= len(answer.text)


def test_true_quotations_pass(ask) -> None:
    """A quotation from its passage is exact, and not flagged."""
    answer, _ = ask(fake.says('Misri and Sun "held a candid and in-depth exchange of views" [1][2][3][4][5].'))

    assert "exact" in {citation.verdict for citation in answer.citations}
    assert "not found" not in {flag.verdict for flag in answer.flags}


@pytest.mark.parametrize("reply", [fake.fails(401), fake.trickles, fake.says("")])
def test_a_silent_model_degrades(ask, reply: fake.Reply) -> None:
    """If the model says nothing, the answer is quoted, and says so."""
    answer, _ = ask(reply)

    assert ("degraded", "extraction") == (answer.status, answer.model)
    assert "rare earth" in answer.text
    assert answer.citations
    assert answer.notice
    assert KEY not in answer.notice


def test_what_is_promised_follows(ask) -> None:
    """Words of the documents are announced only where there are some."""
    said, _ = ask(fake.fails(401))
    nothing, _ = ask(fake.fails(401), question="Who is the president of Brazil?")

    assert said.notice.endswith("Here is what the documents say, word for word.")
    assert "degraded" == nothing.status
    assert not nothing.citations
    assert "Here is what" not in nothing.notice


def test_a_cut_answer_is_incomplete(ask) -> None:
    """What was said is kept, and called cut off."""
    answer, _ = ask(fake.says("India raised rare earths [1]. It also", finish=None, done=False))

    assert "incomplete" == answer.status
    assert "cut off" in answer.notice


def test_the_model_may_refuse(ask) -> None:
    """The refusal phrase is an abstention, without citations."""
    answer, _ = ask(fake.says("Your documents don't answer this."))

    assert ("abstained", ()) == (answer.status, answer.citations)


def test_history_is_passed_on(ask) -> None:
    """Earlier exchanges precede the question."""
    _, server = ask(fake.says("Yes [1]."), history=[Turn("Who came?", "Sun Weidong.")])

    assert ["system", "user", "assistant", "user"] == [m["role"] for m in server.requests[0]["body"]["messages"]]


def test_stopping_stops_the_model(tmp_path: Path) -> None:
    """Closing an answer closes the connection to the model."""
    with fake.model_server(fake.drips) as server:
        settings = Settings(model="m", base_url=server.url, first_token_s=5, total_s=20)
        with Library.open(tmp_path / "index", settings, short_lived=True) as library:
            leave_chroma_alone(library)
            library.sync(ARTICLE.parent)
            events = library.stream("What did India raise?")
            next(event for event in events if isinstance(event, TextDelta) and event.text)
            events.close()

            assert server.closed.wait(5)


def test_what_is_streamed_is_filtered(ask) -> None:
    """Reasoning, invisible characters and URLs that are in no source are removed; the rest is passed on."""
    answer, _ = ask(
        fake.says("<think>Let me see [2].</think>", "India raised rare \u200bearths [1].", " See https://evil.example/x.")
    )

    assert "India raised rare earths [1]. See [address removed]." == answer.text


def test_a_prompt_that_is_too_long_is_halved(ask) -> None:
    """The model is asked again with half the passages, and without the history, until the prompt fits."""
    history = [Turn("Who came?", "Sun Weidong.")]
    reply = fake.takes_at_most(2, fake.says("India raised rare earths [1]."))
    answer, server = ask(reply, history=history)
    messages = [request["body"]["messages"] for request in server.requests]
    passages = [parts[-1]["content"].count("<passage ") for parts in messages]

    assert passages[1:] == [passages[i] // 2 for i in range(len(passages) - 1)]
    assert (4, 2) == (len(messages[0]), len(messages[-1]))
    assert passages[-1] == answer.read


def test_an_endless_reply_is_cut_off(ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reply that is too long is stopped, and the notice says so."""
    monkeypatch.setattr("rag.answering.generation._LONGEST_ANSWER", 40)
    answer, server = ask(fake.drips)

    assert ("incomplete", "The answer was cut off because it was too long.") == (answer.status, answer.notice)
    assert 40 < len(answer.text) < 60
    assert server.closed.wait(5)
