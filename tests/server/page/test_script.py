"""Commands from page.js and messages to it."""

from __future__ import annotations

import html
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rag.server.page import script


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("retry 2 17", ("retry", 2)), ("copy 10 1", ("copy", 10)), ("", ("", -1)), ("edit", ("edit", -1)),
        ("edit -1 3", ("edit", -1)), ("edit 999999 3", ("edit", -1)), ("edit ٣ 3", ("edit", -1)),
        ("edit 1.5 3", ("edit", -1)),
    ],
)  # fmt: skip
def test_commands(command: str, expected: tuple[str, int]) -> None:
    """An action and a number of up to five ASCII digits; any other number is -1."""
    assert expected == script.parse_command(command)


@given(st.text())
@example("".join(map(chr, [*range(160), *range(0x2000, 0x2070), 0xFEFF, 0xFFFD])))
def test_messages_are_exact(text: str) -> None:
    """The script receives every character of a text, whatever the text holds."""
    message = script.save_message("name", text)
    assert message.isascii()
    assert text == json.loads(html.unescape(message))["text"]


def test_equal_messages_differ() -> None:
    """The script sees a change each time."""
    assert script.save_message("", "a") != script.save_message("", "a")


def test_messages_about_conversations() -> None:
    """The open one, one to store, one to delete."""
    message = json.loads(html.unescape(script.conversations_message("1", {"id": "2"}, "3")))
    assert {"open": "1", "keep": {"id": "2"}, "forget": "3"} == message["conversations"]
