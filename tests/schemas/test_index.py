"""The JSON of the commands for the index and the settings."""

from __future__ import annotations

from pathlib import Path

from rag.models.local_servers import LocalServer
from rag.records import Health, ReindexReport
from rag.schemas.index import config_json, doctor_json, models_json, reindex_json, restore_json


def test_doctor() -> None:
    """Problems as an array; null while another process has Chroma."""
    health = Health(
        index="i",
        documents=1,
        passages=2,
        waiting=0,
        vectors_in_chroma=None,
        embedder="e",
        versions={"rag": "1"},
        problems=("p",),
    )
    made = doctor_json(health)

    assert (1, None, ["p"], []) == (made["schema_version"], made["vectors_in_chroma"], made["problems"], made["repaired"])


def test_reindex() -> None:
    """All fields, after the version of the schema."""
    report = ReindexReport(documents=1, passages=2, embedder="e", splitter="s", switched=True, seconds=0.5)

    assert [1, 1, 2, "e", "s", True, 0.5] == list(reindex_json(report).values())


def test_restore() -> None:
    """The replaced index, if there was one."""
    assert {"restored": "f", "old": None} == restore_json("f", None)
    assert {"restored": "f", "old": "i/replaced-1"} == restore_json("f", Path("i/replaced-1"))


def test_models() -> None:
    """Servers with their models."""
    assert [{"name": "Ollama", "base_url": "u", "models": ["m"]}] == models_json([LocalServer("Ollama", "u", ("m",))])


def test_config() -> None:
    """Each setting with its value and where it comes from."""
    assert {"k": {"value": 5, "from": "RAG_K"}} == config_json({"k": 5}, {"k": "RAG_K"})
