"""The settings table names who answers, where text goes and what the index holds."""

from __future__ import annotations

import html

import pytest

from rag.records import IndexStatus
from rag.server.page.views import settings_table
from rag.settings import Settings

from .samples import HOSTILE, assert_only_page_markup


def status(text: str = "x", **changed) -> IndexStatus:
    values = {"index": text, "documents": 1, "passages": 1, "waiting": 1, "size": 1, "characters": 1, "embedder": text,
              "evidence": 0.2,
              "versions": {text: text}}  # fmt: skip
    return IndexStatus(**{**values, **changed})


@pytest.mark.parametrize("text", HOSTILE)
def test_untrusted_text_becomes_no_markup(text: str) -> None:
    """In the model's name, the folder and the versions."""
    assert_only_page_markup(settings_table.settings_markup(status(text), Settings(model=text, documents=text)))


def test_without_a_model_nothing_leaves_the_machine() -> None:
    """Answers are quoted; waiting passages, folder and size are named."""
    markup = html.unescape(settings_table.settings_markup(status(size=1_500_000, passages=7, waiting=2), Settings()))

    assert "<td>quoted from the documents, word for word</td>" in markup
    assert "<th scope='row'>What leaves this machine</th><td>nothing</td>" in markup
    assert "1, split into 7 passages; passages not embedded yet, found by keyword only: 2" in markup
    assert "<td>x, 1.5 MB</td>" in markup
