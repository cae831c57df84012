"""The model behind a real server: every way it can fail ends in a named error or an honest answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag import Library
from rag.errors import EmbedderError, ModelError
from rag.models.chat_model import OpenAIChatModel
from rag.models.embeddings_endpoint import EndpointEmbedder
from rag.records import TextDelta, Turn
from rag.settings import Settings

from .. import model_server as fake
from ..conftest import ARTICLE
from ..torture.world import leave_chroma_alone

pytestmark = pytest.mark.outage

KEY = "sk-canary0123456789abcdef"
MESSAGES = [("system", "s"), ("user", "u")]


def chat_model(url: str, **deadlines: float) -> OpenAIChatModel:
    limits = {"first_token_s": 1.0, "total_s": 2.0, **deadlines}
    return OpenAIChatModel("m", url, KEY, **limits)


def test_streams() -> None:
    """Text comes as it is sent, the key as the bearer token."""
    with fake.model_server(fake.says("Rare ", "earths.")) as server:
        deltas = list(chat_model(server.url).stream(MESSAGES))

    assert "Rare earths." == "".join(delta.text for delta in deltas)
    assert "stop" == deltas[-1].finish
    assert f"Bearer {KEY}" == server.requests[0]["key"]


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (fake.fails(401, f"Incorrect API key provided: {KEY}"), "refused the key"),
        (fake.fails(404, "no such model"), "has no model 'm'"),
        (fake.fails(429, "quota", code="insufficient_quota"), "no quota"),
        (fake.fails(429, "slow down", retry_after="200"), "limiting the rate"),
        (fake.fails(500, f"secret {KEY} inside"), "failed"),
        (fake.page, "not a reply|no reply"),
        (fake.trickles, "said nothing for 1 s"),
        (fake.drips, "took longer than 2 s"),
        (fake.says("It is", finish=None, done=False), "broke off"),
        (fake.says("It is", finish=None), "broke off"),
        (fake.broken_json, "no reply"),
    ],
)
def test_failures_are_named(reply: fake.Reply, words: str) -> None:
    """One clear line each, and never the key."""
    with fake.model_server(reply) as server, pytest.raises(ModelError, match=words) as raised:
        list(chat_model(server.url).stream(MESSAGES))

    assert KEY not in str(raised.value) + raised.value.hint
    assert raised.value.__cause__ is None


def test_a_dead_address() -> None:
    """A server that is not there is named."""
    with pytest.raises(ModelError, match="cannot be reached"):
        list(chat_model("http://127.0.0.1:9/v1").stream(MESSAGES))


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_text_goes_to_the_named_host_only(status: int) -> None:
    """Wherever that host would send it: a redirect is refused, not followed."""
    with fake.model_server(fake.says("It is."), fake.embeds()) as other:
        elsewhere = fake.body(status, "text/plain", b"", location=f"{other.url}/chat/completions")
        with fake.model_server(elsewhere) as server:
            with pytest.raises(ModelError, match="sends elsewhere"):
                list(chat_model(server.url).stream(MESSAGES))
            with pytest.raises(EmbedderError):
                EndpointEmbedder("m", server.url, KEY).embed(["a", "b"])

        assert [] == other.requests


def test_closing_stops_the_server() -> None:
    """Closing the stream closes the connection."""
    with fake.model_server(fake.drips) as server:
        stream = chat_model(server.url).stream(MESSAGES)
        next(stream)
        stream.close()

        assert server.closed.wait(5)


@pytest.fixture
def asked(tmp_path: Path):
    """Asks the article through a scripted server."""

    def ask(*replies: fake.Reply, question: str = "What did India raise with Sun Weidong?", history=()):
        with fake.model_server(*replies) as server:
            settings = Settings(model="m", base_url=server.url, api_key=KEY, first_token_s=1, total_s=2)
            with Library.open(tmp_path / "index", settings, short_lived=True) as library:
                leave_chroma_alone(library)
                library.sync(ARTICLE.parent)
                return library.ask(question, history=history), server

    return ask


def test_markers_become_citations(asked, article: str) -> None:
    """A marker resolves to the supporting sentence, exact in the document."""
    answer, server = asked(fake.says("India raised China’s rare earth restrictions with Sun Weidong [1]."))

    assert "answered" == answer.status
    assert "m" == answer.model
    (citation,) = answer.citations
    assert article[citation.start : citation.end] == citation.quote
    assert answer.text[citation.answer_start : citation.answer_end].startswith("India raised")
    assert () == answer.flags
    assert "Passages:" in server.requests[0]["body"]["messages"][-1]["content"]


def test_markers_are_numbered_by_their_citations(asked) -> None:
    """Whatever passages a model cites, the text's numbers are those of the citations; a lost marker stays visible."""
    answer, _ = asked(fake.says("India raised China’s rare earth restrictions [3, 1]. Sun visited New Delhi [2][9]."))

    assert answer.text == "India raised China’s rare earth restrictions [1][2]. Sun visited New Delhi [3][?]."
    assert [c.n for c in answer.citations] == [1, 2, 3]
    assert [c.start for c in answer.citations] != sorted(c.start for c in answer.citations)
    for c in answer.citations:
        assert f"[{c.n}]" in answer.text[c.answer_start : c.answer_end]


def test_invented_markers_and_quotations_are_flagged(asked) -> None:
    """What does not stand is named, and never becomes a citation."""
    answer, _ = asked(
        fake.says('India raised tariffs on steel with him [9]. He said "we will lift all of it tomorrow morning" [1].')
    )

    assert {"unknown marker", "uncited", "not found"} <= {flag.verdict for flag in answer.flags}
    assert all(c.quote in "".join(hit.text for hit in answer.hits) for c in answer.citations)
    for flag in answer.flags:
        assert 0 <= flag.answer_start < flag.answer_end <= len(answer.text)


def test_true_quotations_pass(asked) -> None:
    """A quotation that stands in its passage is exact, and no flag."""
    answer, _ = asked(fake.says('Misri and Sun "held a candid and in-depth exchange of views" [1][2][3][4][5].'))

    assert "exact" in {citation.verdict for citation in answer.citations}
    assert "not found" not in {flag.verdict for flag in answer.flags}


@pytest.mark.parametrize("reply", [fake.fails(401), fake.trickles, fake.says("")])
def test_a_silent_model_degrades(asked, reply: fake.Reply) -> None:
    """If the model says nothing, the answer is quoted, and says so."""
    answer, _ = asked(reply)

    assert ("degraded", "extraction") == (answer.status, answer.model)
    assert "rare earth" in answer.text
    assert answer.citations
    assert answer.notice
    assert KEY not in answer.notice


def test_what_is_promised_follows(asked) -> None:
    """Words of the documents are announced only where there are some."""
    said, _ = asked(fake.fails(401))
    nothing, _ = asked(fake.fails(401), question="Who is the president of Brazil?")

    assert said.notice.endswith("Here is what the documents say, word for word.")
    assert "degraded" == nothing.status
    assert not nothing.citations
    assert "Here is what" not in nothing.notice


def test_a_cut_answer_is_incomplete(asked) -> None:
    """What was said is kept, and called cut off."""
    answer, _ = asked(fake.says("India raised rare earths [1]. It also", finish=None, done=False))

    assert "incomplete" == answer.status
    assert "cut off" in answer.notice


def test_the_model_may_refuse(asked) -> None:
    """The refusal phrase is an abstention, without citations."""
    answer, _ = asked(fake.says("Your documents don't answer this."))

    assert ("abstained", ()) == (answer.status, answer.citations)


def test_history_is_passed_on(asked) -> None:
    """Earlier turns stand before the question."""
    _, server = asked(fake.says("Yes [1]."), history=[Turn("Who came?", "Sun Weidong.")])

    assert ["system", "user", "assistant", "user"] == [m["role"] for m in server.requests[0]["body"]["messages"]]


def test_stopping_stops_the_model(tmp_path: Path) -> None:
    """Closing an answer closes the connection to the model."""
    with fake.model_server(fake.drips) as server:
        settings = Settings(model="m", base_url=server.url, first_token_s=5, total_s=20)
        with Library.open(tmp_path / "index", settings, short_lived=True) as library:
            leave_chroma_alone(library)
            library.sync(ARTICLE.parent)
            events = library.stream("What did India raise?")
            next(event for event in events if isinstance(event, TextDelta))
            events.close()

            assert server.closed.wait(5)
