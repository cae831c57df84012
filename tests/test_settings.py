"""Settings: checked however they are made, merged by origin."""

from __future__ import annotations

import dataclasses

import pytest

from rag import Settings, SettingsError
from rag.settings import masked, patterns, resolve


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"k": 0}, "k must be at least 1 and at most 100, not 0"),
        ({"k": True}, "k must be a whole number, not True"),
        ({"k": "many"}, "k must be a whole number, not 'many'"),
        ({"evidence": 1.5}, "evidence must be at least 0 and at most 1, not 1.5"),
        ({"passage_tokens": 481}, "passage_tokens must be at least 16 and at most 480, not 481"),
        ({"first_token_s": float("nan")}, "first_token_s must be at least 0.1, not nan"),
        ({"max_file_mb": 0}, "max_file_mb must be at least 1, not 0"),
        ({"model": 7}, "model must be text, not 7"),
        ({"ocr": "yes"}, "ocr must be 'off' or 'on', not 'yes'"),
        ({"embedder": "bert"}, "embedder must be 'minilm' or 'openai:<model>', not 'bert'"),
        ({"base_url": "ftp://host/v1", "model": "m"}, "base_url is not a valid address"),
        ({"base_url": "http://good.example@evil.example/v1", "model": "m"}, "base_url is not a valid address"),
        ({"base_url": "http://127.0.0.1:1/v1"}, "base_url is http://127.0.0.1:1/v1, but no model is named"),
    ],
)
def test_what_cannot_be(values: dict, message: str) -> None:
    """Settings made in code meet the same checks as those of a file."""
    with pytest.raises(SettingsError) as raised:
        Settings(**values)

    assert message in str(raised.value)


def test_values_become_their_types() -> None:
    """The environment has text only."""
    settings = Settings(k="5", evidence="0.5")  # type: ignore[arg-type]

    assert (5, 0.5) == (settings.k, settings.evidence)
    assert 7 == dataclasses.replace(settings, k=7).k
    with pytest.raises(SettingsError):
        dataclasses.replace(settings, k=0)


def test_later_origins_take_precedence() -> None:
    """Each value remembers where it came from."""
    resolved = resolve([("rag.toml", {"k": 3, "sentences": 2}), ("RAG_{NAME}", {"k": "5"}), ("--{name}", {"base_url": ""})])

    assert (5, 2, 0.18) == (resolved.settings.k, resolved.settings.sentences, resolved.settings.evidence)
    assert ("RAG_K", "rag.toml", "default", "--base-url") == tuple(
        resolved.origins[name] for name in ("k", "sentences", "evidence", "base_url")
    )


def test_a_wrong_name_is_told_the_right_one() -> None:
    """A typing error costs one look."""
    with pytest.raises(SettingsError, match="there is no setting 'modle'") as raised:
        resolve([("rag.toml", {"modle": "m"})])

    assert "did you mean 'model'?" == raised.value.hint


def test_who_writes_and_where_text_goes() -> None:
    """A key alone asks OpenAI; "none" asks no one; an embeddings endpoint sees every document."""
    assert ("", {}) == (Settings().chat_model_name(), Settings().remote_addresses())
    assert "gpt-5-mini" == Settings(api_key="sk-1").chat_model_name()
    assert "" == Settings(api_key="sk-1", model="none").chat_model_name()
    assert {"every document": "http://127.0.0.1:9/v1"} == Settings(
        embedder="openai:e5", embedder_url="http://127.0.0.1:9/v1"
    ).remote_addresses()


def test_room_for_the_prompt() -> None:
    """The window less 1,024 tokens for the answer, and at least half of it; known models have their own."""
    assert 4_096 - 1_024 == Settings(model="unknown").prompt_tokens()
    assert 500 == Settings(model="unknown", context_tokens=1_000).prompt_tokens()
    assert 128_000 - 1_024 == Settings(model="GPT-4o-mini").prompt_tokens()


def test_keys_and_patterns() -> None:
    """A key shows seven characters of a long one, none of a short one."""
    assert ["sk-…mnop", "…", ""] == [masked(key) for key in ("sk-abcdefghijklmnop", "short", "")]
    assert ["*.pdf", "notes/**"] == patterns(" *.pdf,, notes/** ,")
