"""Finds model servers on this machine by trying their default ports. rag uses a server only if it is configured.

Each server is only asked for its list of models. This request contains none of the user's text.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

DEFAULT_SERVERS = (("Ollama", "http://127.0.0.1:11434/v1"), ("LM Studio", "http://127.0.0.1:1234/v1"))
_TIMEOUT_S = 0.5
_MAX_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A running model server, and the models that it offers."""

    name: str
    base_url: str
    models: tuple[str, ...]


def find_local_servers(candidates: Sequence[tuple[str, str]] = DEFAULT_SERVERS) -> list[LocalServer]:
    """Returns the model servers that are running.

    Args:
        candidates: The servers to look for, each as a (name, address) pair.
    """
    with ThreadPoolExecutor(len(candidates) or 1, thread_name_prefix="local-servers") as pool:
        return [found for found in pool.map(_probe, candidates) if found is not None]


def _probe(candidate: tuple[str, str]) -> LocalServer | None:
    name, base_url = candidate
    # Proxies and redirects are not used, so the request never leaves this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects())
    try:
        with opener.open(f"{base_url}/models", timeout=_TIMEOUT_S) as reply:
            listed = json.loads(reply.read(_MAX_BYTES))
    except (OSError, ValueError, RecursionError, urllib.error.URLError):
        return None
    rows = listed.get("data") if isinstance(listed, dict) else None
    if not isinstance(rows, list):
        return None
    models = [row["id"] for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str)]
    return LocalServer(name, base_url, tuple(models))


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Returns None, so that the redirect is not followed."""
