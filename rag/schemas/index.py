"""The JSON output of the commands that maintain the index or show the settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import Field, RootModel

from rag.models.local_servers import LocalServer
from rag.records import Health, ReindexReport
from rag.schemas.contract import Contract, JSONObject, Versioned, derive, to_json

DoctorJSON = derive(Health, base=Versioned)
ReindexJSON = derive(ReindexReport, base=Versioned)


class BackupJSON(Contract):
    """The backup file and its size in bytes."""

    file: str
    bytes: int


class RestoreJSON(Contract):
    """The backup that was restored. `old` is the folder that now contains the previous index, or null if there was none."""

    restored: str
    old: str | None


class CompactJSON(Contract):
    """The index folder's size in bytes before and after `rag compact`."""

    bytes_before: int
    bytes_after: int


class SettingJSON(Contract):
    """The current value of a setting. `from` is its origin: "default", a file, an environment variable or an option."""

    value: str | int | float
    origin: str = Field(alias="from")


class ConfigJSON(RootModel[dict[str, SettingJSON]]):
    """The current settings, by name. API keys are masked."""


def doctor_json(health: Health) -> JSONObject:
    """Returns the result of checking an index as JSON."""
    return to_json(DoctorJSON, health)


def reindex_json(report: ReindexReport) -> JSONObject:
    """Returns the result of reindexing as JSON."""
    return to_json(ReindexJSON, report)


def backup_json(file: str, size: int) -> JSONObject:
    """Returns the name of a backup file and its size in bytes as JSON."""
    return to_json(BackupJSON, {"file": file, "bytes": size})


def restore_json(file: str, old: Path | None) -> JSONObject:
    """Returns the restored backup and the location of the previous index as JSON."""
    return to_json(RestoreJSON, {"restored": file, "old": str(old) if old else None})


def compact_json(before: int, after: int) -> JSONObject:
    """Returns an index's size in bytes before and after `rag compact` as JSON."""
    return to_json(CompactJSON, {"bytes_before": before, "bytes_after": after})


def models_json(servers: Iterable[LocalServer]) -> list[JSONObject]:
    """Returns model servers as JSON."""
    return [to_json(LocalServer, server) for server in servers]


def config_json(values: Mapping[str, str | int | float], origins: Mapping[str, str]) -> JSONObject:
    """Returns settings as JSON.

    Args:
        values: The value of each setting, with API keys masked.
        origins: The origin of each setting's value, such as "default" or "rag.toml".
    """
    return {name: {"value": value, "from": origins[name]} for name, value in values.items()}
