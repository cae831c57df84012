"""Communicates with page.js, which sends commands through hidden text boxes and receives messages in a hidden output."""

from __future__ import annotations

import json
import secrets
from typing import Any

from rag.server.page.views.markup import escaped


def parse_command(command: str) -> tuple[str, int]:
    """Returns the action and the number in a command from the script; the number is -1 if it is missing or invalid.

    The script appends a counter to each command, so that the text box changes even if a command is sent twice in a row.

    Example:
        >>> parse_command("retry 2 17"), parse_command("retry x 18")
        (('retry', 2), ('retry', -1))
    """
    action, _, rest = command.partition(" ")
    number = rest.split(" ")[0]
    return action, int(number) if number.isascii() and number.isdigit() and len(number) < 6 else -1


def conversations_message(open_id: str, store: dict[str, Any] | None = None, delete: str = "") -> str:
    """Returns a message that tells the script which conversation is open, and which conversations to store or delete.

    Args:
        open_id: The id of the open conversation; empty for a new conversation.
        store: A conversation in JSON form that the browser should store; None if nothing needs to be stored.
        delete: The id of a conversation that the browser should delete; empty if nothing needs to be deleted.
    """
    return _message({"conversations": {"open": open_id, "keep": store, "forget": delete}})


def save_message(name: str, text: str) -> str:
    """Returns a message that makes the script save text to a file or, if the name is empty, copy it to the clipboard."""
    return _message({"name": name, "text": text})


def _message(content: dict[str, Any]) -> str:
    # The script reacts only when the message changes, so a random value makes each message different. The JSON contains
    # only ASCII characters, because `escaped` would remove invisible ones.
    return escaped(json.dumps({**content, "n": secrets.token_hex(4)}).replace("\x7f", "\\u007f"))
