"""Loads the settings from rag.toml, environment variables and flags, and stores which hosts the user has accepted."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from rag.errors import SettingsError
from rag.settings import ResolvedSettings, resolve

FILE = Path("rag.toml")
_COMMON_VARIABLES = {"OPENAI_API_KEY": "api_key", "OPENAI_BASE_URL": "base_url"}  # variable → setting
_NOT_SETTINGS = {"RAG_DEBUG", "RAG_STATE"}
_REMOTE_SETTINGS = {"model", "base_url", "embedder", "embedder_url"}  # settings that determine where text is sent


def load_settings(flags: Mapping[str, object], environment: Mapping[str, str] | None = None) -> ResolvedSettings:
    """Returns the current settings, merged from several origins.

    From lowest to highest precedence, the origins are the defaults, rag.toml in the working folder, environment variables,
    and flags.

    Args:
        flags: Values given on the command line, by setting name; None for a flag that was not given.
        environment: Environment variables; None to use this process's own.

    Raises:
        SettingsError: A name is unknown, a value is invalid, or rag.toml cannot be read.
    """
    environment = os.environ if environment is None else environment
    common = [(name, {setting: environment[name]}) for name, setting in _COMMON_VARIABLES.items() if environment.get(name)]
    own = {
        name.removeprefix("RAG_").lower(): value
        for name, value in environment.items()
        if name.startswith("RAG_") and name not in _NOT_SETTINGS
    }
    given = {name: value for name, value in flags.items() if value is not None}
    return resolve([(str(FILE), _read_file()), *common, ("RAG_{NAME}", own), ("--{name}", given)])


def _read_file() -> Mapping[str, object]:
    """Returns the settings in rag.toml, or no settings if there is no such file."""
    try:
        values = tomllib.loads(FILE.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"cannot read {FILE}: {error}", "correct the file, or move it to another folder") from None
    if "api_key" in values:
        raise SettingsError(f"{FILE} contains an api_key", "keep it in an environment variable instead: OPENAI_API_KEY")
    return values


def untrusted_hosts(resolved: ResolvedSettings) -> list[str]:
    """Returns the hosts that rag.toml would send text to and that the user has not accepted yet, in alphabetical order."""
    from_file = {name for name, origin in resolved.origins.items() if origin == str(FILE)}
    if not from_file & _REMOTE_SETTINGS:
        return []
    hosts = {urlsplit(address).netloc for address in resolved.settings.remote_addresses().values()}
    return sorted(hosts - set(_trusted_hosts().get(str(FILE.resolve()), [])))


def trust_hosts(hosts: list[str]) -> None:
    """Records that the user allows the rag.toml in this folder to send text to these hosts."""
    trusted = _trusted_hosts()
    file = str(FILE.resolve())
    trusted[file] = sorted({*trusted.get(file, []), *hosts})
    path = _trust_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(trusted, indent=1), encoding="utf-8")


def _trusted_hosts() -> dict[str, list[str]]:
    """Returns the accepted hosts for each rag.toml path; empty if the file that stores the hosts cannot be read."""
    try:
        trusted = json.loads(_trust_path().read_text(encoding="utf-8"))
        return trusted if isinstance(trusted, dict) else {}
    except (OSError, ValueError):
        return {}


def _trust_path() -> Path:
    return Path(os.environ.get("RAG_STATE") or Path.home() / ".config" / "rag") / "trusted.json"
