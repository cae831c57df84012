"""The JSON output of the commands for the index and the settings."""

from __future__ import annotations

from pathlib import Path

from rag.models.local_servers import LocalServer
from rag.records import Health, ReindexReport
from rag.schemas.index import config_json, doctor_json, models_json, reindex_json, restore_json


def test_doctor() -> None:
    """Problems are an array; the number of vectors is null while another process is using Chroma."""
    health = Health(
        index="i",
        documents=1,
        passages=2,
        waiting=0,
        size=1,
        characters=1,
        vectors_in_chroma=None,
        embedder="e",
        versions={"rag": "1"},
        problems=("p",),
    )
    made = doctor_json(health)

    assert (1, None, ["p"], []) == (made["schema_version"], made["vectors_in_chroma"], made["problems"], made["repaired"])


def test_reindex() -> None:
    """The schema version comes first, then every field."""
    report = ReindexReport(documents=1, passages=2, embedder="e", splitter="s", switched=True, seconds=0.5)

    assert [1, 1, 2, "e", "s", True, 0.5] == list(reindex_json(report).values())


def test_restore() -> None:
    """`old` names the replaced index, or is null if there was none."""
    assert {"restored": "f", "old": None} == restore_json("f", None)
    assert {"restored": "f", "old": "i/replaced-1"} == restore_json("f", Path("i/replaced-1"))


def test_models() -> None:
    """Servers are listed with their models."""
    assert [{"name": "Ollama", "base_url": "u", "models": ["m"]}] == models_json([LocalServer("Ollama", "u", ("m",))])


def test_config() -> None:
    """Each setting has its value and the origin of that value."""
    assert {"k": {"value": 5, "from": "RAG_K"}} == config_json({"k": 5}, {"k": "RAG_K"})
