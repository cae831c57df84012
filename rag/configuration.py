"""From rag.toml, the environment and flags to settings in force: what every edge does first. Reads no document."""

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
_ECOSYSTEM = {"OPENAI_API_KEY": "api_key", "OPENAI_BASE_URL": "base_url"}  # usual name → setting
_NOT_SETTINGS = {"RAG_DEBUG", "RAG_STATE"}


def load_settings(flags: Mapping[str, object], environment: Mapping[str, str] | None = None) -> ResolvedSettings:
    """The settings: defaults, then rag.toml of the working folder, then the environment, then flags.

    Args:
        flags: Setting → value given on the command line; None where it was not given.
        environment: The process's own if left out.

    Raises:
        SettingsError: An unknown name or an impossible value, or rag.toml cannot be read.
    """
    environment = os.environ if environment is None else environment
    usual = [(name, {setting: environment[name]}) for name, setting in _ECOSYSTEM.items() if environment.get(name)]
    own = {
        name.removeprefix("RAG_").lower(): value
        for name, value in environment.items()
        if name.startswith("RAG_") and name not in _NOT_SETTINGS
    }
    given = {name: value for name, value in flags.items() if value is not None}
    return resolve([(str(FILE), _from_file()), *usual, ("RAG_{NAME}", own), ("--{name}", given)])


def _from_file() -> Mapping[str, object]:
    try:
        values = tomllib.loads(FILE.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{FILE} cannot be read ({error})", "mend it, or move it away") from None
    if "api_key" in values:
        raise SettingsError(f"{FILE} holds an api_key", "keep keys in the environment: OPENAI_API_KEY")
    return values


def untrusted_addresses(resolved: ResolvedSettings) -> list[str]:
    """Hosts that text would be sent to because a rag.toml says so, and that this user has not agreed to."""
    from_file = {name for name, origin in resolved.origins.items() if origin == str(FILE)}
    if not from_file & {"model", "base_url", "embedder", "embedder_url"}:
        return []
    hosts = {urlsplit(address).netloc for address in resolved.settings.remote_addresses().values()}
    return sorted(hosts - set(_agreed().get(str(FILE.resolve()), [])))


def agree(hosts: list[str]) -> None:
    """Remembers that this user lets the rag.toml of this folder send text to these hosts."""
    agreed = _agreed()
    here = str(FILE.resolve())
    agreed[here] = sorted({*agreed.get(here, []), *hosts})
    path = _agreed_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(agreed, indent=1), encoding="utf-8")


def _agreed() -> dict[str, list[str]]:
    try:
        agreed = json.loads(_agreed_path().read_text(encoding="utf-8"))
        return agreed if isinstance(agreed, dict) else {}
    except (OSError, ValueError):
        return {}


def _agreed_path() -> Path:
    return Path(os.environ.get("RAG_STATE") or Path.home() / ".config" / "rag") / "trusted.json"
