"""How two processes speak over a pipe: a JSON object, and bytes behind it. Nothing that is received is ever executed."""

from __future__ import annotations

import json
from typing import Any, BinaryIO

_LENGTH = 4  # bytes, big-endian, before each JSON object


def send(pipe: BinaryIO, message: dict[str, Any], rest: bytes = b"") -> None:
    """Writes one frame."""
    head = json.dumps({**message, "bytes": len(rest)}).encode()
    pipe.write(len(head).to_bytes(_LENGTH, "big") + head)
    pipe.write(rest)
    pipe.flush()


def receive(pipe: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """Reads one frame; None when the other side is gone."""
    length = pipe.read(_LENGTH)
    if len(length) < _LENGTH:
        return None
    head = pipe.read(int.from_bytes(length, "big"))
    try:
        message = json.loads(head)
        rest = pipe.read(message["bytes"])
    except ValueError:
        return None
    return (message, rest) if len(rest) == message["bytes"] else None
