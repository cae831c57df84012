"""Headings in Markdown."""

from __future__ import annotations

import pytest

from rag.text.markdown import heading


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("# One", (1, "One")), ("###### Six", (6, "Six")), ("####### Seven", None), ("#hashtag", None), ("#", None),
        ("## C# ##", (2, "C#")), ("# C#", (1, "C#")), ("# ##", (1, "")), ("#\tTab  ", (1, "Tab")), (" # indented", None),
    ],
)  # fmt: skip
def test_heading(line: str, found: tuple[int, str] | None) -> None:
    assert found == heading(line)
