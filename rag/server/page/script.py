"""Talks with page.js: its commands arrive in hidden text boxes, messages to it leave in a hidden output."""

from __future__ import annotations

import json
import secrets
from typing import Any

from rag.server.page.views.markup import escaped


def parse_command(command: str) -> tuple[str, int]:
    """Returns the action and the number in a command of the script; the number is -1 where it is not valid.

    The script appends a counter to each command, so that two equal ones in a row still change the text box.

    Example:
        >>> parse_command("retry 2 17"), parse_command("retry x 18")
        (('retry', 2), ('retry', -1))
    """
    action, _, rest = command.partition(" ")
    number = rest.split(" ")[0]
    return action, int(number) if number.isascii() and number.isdigit() and len(number) < 6 else -1


def conversations_message(open_id: str, store: dict[str, Any] | None = None, delete: str = "") -> str:
    """Returns a message about the browser's conversations.

    Args:
        open_id: The id of the open conversation; empty for a new one.
        store: A conversation as JSON that the browser is to store.
        delete: The id of a conversation that the browser is to delete.
    """
    return _message({"conversations": {"open": open_id, "keep": store, "forget": delete}})


def save_message(name: str, text: str) -> str:
    """Returns a message that makes the script save a text as a file, or copy the text if the name is empty."""
    return _message({"name": name, "text": text})


def _message(content: dict[str, Any]) -> str:
    # The script waits for a change, so two equal messages must differ: hence the nonce. ASCII alone: `escaped` would remove
    # invisible characters.
    return escaped(json.dumps({**content, "n": secrets.token_hex(4)}).replace("\x7f", "\\u007f"))
