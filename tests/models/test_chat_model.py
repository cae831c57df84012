"""The model behind a real server: every way it can fail ends in a named error or an honest answer."""

from __future__ import annotations

import pytest

from rag.errors import EmbedderError, ModelError
from rag.models.chat_model import OpenAIChatModel
from rag.models.embeddings_endpoint import EndpointEmbedder

from .. import model_server as fake

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
        (fake.fails(401, f"Incorrect API key provided: {KEY}"), "rejected the API key"),
        (fake.fails(404, "no such model"), "has no model 'm'"),
        (fake.fails(429, "quota", code="insufficient_quota"), "no quota"),
        (fake.fails(429, "slow down", retry_after="200"), "limiting the rate"),
        (fake.fails(500, f"secret {KEY} inside"), "failed"),
        (fake.page, "a web page instead of"),
        (fake.trickles, "sent nothing for 1 s"),
        (fake.drips, "took longer than 2 s"),
        (fake.says("It is", finish=None, done=False), "broke off"),
        (fake.says("It is", finish=None), "broke off"),
        (fake.broken_json, "not a model.s reply"),
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
            with pytest.raises(ModelError, match="redirects to another"):
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
