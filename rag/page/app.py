"""The page put together: its rooms, its head, its looks. With the rooms, the home of gradio."""

from __future__ import annotations

import os
import threading
from pathlib import Path

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when gradio is imported
import gradio as gr

from rag.library import Library
from rag.page import shelf, show
from rag.page.ask import AT_ONCE, MARKUP, AskRoom
from rag.page.documents import DocumentsRoom
from rag.page.evaluate import EvaluateRoom

_HERE = Path(__file__).parent
_WAITING = 64  # questions that may wait; one more is refused at once


def head() -> str:
    """What the page adds to its head: one small script."""
    return f"<script>{(_HERE / 'page.js').read_text(encoding='utf-8')}</script>"


def build(library: Library, in_step: threading.Event | None = None) -> gr.Blocks:
    """The page over one library.

    Args:
        library: What is asked.
        in_step: Set once its folder was looked at; until then a question to an empty library waits a while.
    """

    def about() -> str:
        return show.top(shelf.summary(library.documents()), library.settings.remote_addresses())

    with gr.Blocks(title="rag", analytics_enabled=False, delete_cache=(3600, 86400), fill_width=True) as page:
        top = gr.Markdown(about(), elem_id="head", **MARKUP)
        with gr.Tabs(elem_id="rooms"):
            with gr.Tab("Ask", id="ask"):
                AskRoom(library, in_step).build(page)
            with gr.Tab("Documents", id="documents"):
                DocumentsRoom(library).build(page, top, about)
            with gr.Tab("Evaluate", id="evaluate"):
                EvaluateRoom(library, Path.cwd()).build(page)
    page.queue(max_size=_WAITING, default_concurrency_limit=AT_ONCE)
    return page


def stylesheet() -> Path:
    """The page's own stylesheet."""
    return _HERE / "style.css"


def theme() -> gr.themes.Base:
    """System fonts, one accent; nothing is fetched."""
    return gr.themes.Base(
        primary_hue="slate", neutral_hue="gray", font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"],
        radius_size="sm", spacing_size="sm",
    )  # fmt: skip
