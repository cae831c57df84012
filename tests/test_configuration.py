"""Settings from rag.toml, the environment and flags, and the hosts that the user has accepted."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.configuration import load_settings, trust_hosts, untrusted_hosts
from rag.errors import SettingsError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder, and a folder in which to store the accepted hosts."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RAG_STATE", str(tmp_path / "state"))
    return tmp_path


def test_the_order_of_origins(folder: Path) -> None:
    """Precedence rises from defaults to rag.toml, common variables such as OPENAI_API_KEY, RAG_* variables, and flags."""
    (folder / "rag.toml").write_text('k = 3\nsentences = 2\nbase_url = "http://a/v1"\nmodel = "m"\n', "utf-8")
    environment = {"OPENAI_BASE_URL": "http://b/v1", "OPENAI_API_KEY": "sk-1", "RAG_K": "4", "RAG_MODEL": "n"}
    resolved = load_settings({"model": "o", "index": None}, environment)

    assert {
        "index": "default",
        "sentences": "rag.toml",
        "base_url": "OPENAI_BASE_URL",
        "api_key": "OPENAI_API_KEY",
        "k": "RAG_K",
        "model": "--model",
    } == {name: resolved.origins[name] for name in ("index", "sentences", "base_url", "api_key", "k", "model")}
    assert (4, 2, "http://b/v1", "o") == (
        resolved.settings.k,
        resolved.settings.sentences,
        resolved.settings.base_url,
        resolved.settings.model,
    )


def test_variables_that_are_no_settings() -> None:
    """RAG_DEBUG and RAG_STATE are not settings; any other unknown RAG_ variable is an error."""
    assert 8 == load_settings({}, {"RAG_DEBUG": "1", "RAG_STATE": "/tmp", "HOME": "/root"}).settings.k
    with pytest.raises(SettingsError, match="RAG_KK"):
        load_settings({}, {"RAG_KK": "1"})


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (b"k = ", "cannot read rag.toml: ", "correct the file, or move it to another folder"),
        (b'k = "\xff"', "cannot read rag.toml: ", "correct the file, or move it to another folder"),
        (b'api_key = "sk-1"', "rag.toml contains an api_key", "keep it in an environment variable instead: OPENAI_API_KEY"),
    ],
)
def test_a_file_that_cannot_be_used(folder: Path, text: bytes, message: str, hint: str) -> None:
    """An unusable rag.toml is reported with a hint about what to do."""
    (folder / "rag.toml").write_bytes(text)
    with pytest.raises(SettingsError, match=message) as caught:
        load_settings({}, {})

    assert hint == caught.value.hint


def test_hosts_of_the_file_are_accepted_once(folder: Path) -> None:
    """The hosts that a rag.toml names must be accepted once; hosts added later must be accepted, too."""
    text = 'model = "m"\nbase_url = "http://127.0.0.1:9/v1"\nembedder = "openai:e"\nembedder_url = "https://b.example/v1"\n'
    (folder / "rag.toml").write_text(text, "utf-8")
    assert ["127.0.0.1:9", "b.example"] == untrusted_hosts(load_settings({}, {}))
    trust_hosts(["127.0.0.1:9"])
    assert ["b.example"] == untrusted_hosts(load_settings({}, {}))
    trust_hosts(["b.example"])
    assert [] == untrusted_hosts(load_settings({}, {}))


def test_another_folder_is_asked_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Acceptance applies to one rag.toml: the same host in another folder's rag.toml must be accepted again."""
    for name in ("one", "two"):
        (folder / name).mkdir()
        (folder / name / "rag.toml").write_text('model = "m"\nbase_url = "http://127.0.0.1:9/v1"\n', "utf-8")
    monkeypatch.chdir(folder / "one")
    trust_hosts(["127.0.0.1:9"])
    monkeypatch.chdir(folder / "two")

    assert ["127.0.0.1:9"] == untrusted_hosts(load_settings({}, {}))


def test_a_host_of_a_flag_needs_no_acceptance(folder: Path) -> None:
    """A host given on the command line counts as accepted if rag.toml has no settings that send text elsewhere."""
    (folder / "rag.toml").write_text("k = 5\n", "utf-8")

    assert [] == untrusted_hosts(load_settings({"model": "m", "base_url": "http://127.0.0.1:9/v1"}, {}))


def test_a_broken_list_of_hosts_counts_as_empty(folder: Path) -> None:
    """If the list of accepted hosts is broken, the hosts must be accepted again, and the list is rewritten."""
    (folder / "rag.toml").write_text('model = "m"\nbase_url = "http://127.0.0.1:9/v1"\n', "utf-8")
    (folder / "state").mkdir()
    for broken in ("{", "[]"):
        (folder / "state" / "trusted.json").write_text(broken, "utf-8")
        assert ["127.0.0.1:9"] == untrusted_hosts(load_settings({}, {}))
    trust_hosts(["127.0.0.1:9"])

    assert [] == untrusted_hosts(load_settings({}, {}))
