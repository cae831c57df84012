"""Model servers that run on this machine: looked for on their usual ports, offered, never used unasked.

A look is one request for the list of models; no text of anybody's is sent.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

USUAL = (("Ollama", "http://127.0.0.1:11434/v1"), ("LM Studio", "http://127.0.0.1:1234/v1"))
_PATIENCE_S = 0.5
_MOST_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A server that answered, and the models it has."""

    name: str
    base_url: str
    models: tuple[str, ...]


def find_local_servers(usual: Sequence[tuple[str, str]] = USUAL) -> list[LocalServer]:
    """Those that run now.

    Args:
        usual: (name, address) of each that may.
    """
    with ThreadPoolExecutor(len(usual) or 1, thread_name_prefix="look") as pool:
        return [found for found in pool.map(_looked_at, usual) if found is not None]


def _looked_at(known: tuple[str, str]) -> LocalServer | None:
    name, base_url = known
    # No proxy, and no redirect: what is asked is on this machine, or not at all.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _StayHere())
    try:
        with opener.open(f"{base_url}/models", timeout=_PATIENCE_S) as reply:
            listed = json.loads(reply.read(_MOST_BYTES))
    except (OSError, ValueError, urllib.error.URLError):
        return None
    rows = listed.get("data") if isinstance(listed, dict) else None
    if not isinstance(rows, list):
        return None
    models = [row["id"] for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str)]
    return LocalServer(name, base_url, tuple(models))


class _StayHere(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Follows nothing."""
