"""The conventions of the tabs: Gradio options that all of them pass, and the commands of the page's script."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Updates = dict[Any, Any]  # component → its new value; components that are not in it keep theirs

QUIET: Mapping[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}  # of events
MARKUP: Mapping[str, Any] = {"latex_delimiters": [], "sanitize_html": True}  # of components that show markup
HIDDEN = ["behind"]  # CSS class of the text boxes and outputs that only page.js uses


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
