"""The page put together: its rooms, its head, its looks. With the rooms, the home of gradio."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr

from rag.library import Library
from rag.server.page.chat_tab import AT_ONCE, AskRoom
from rag.server.page.documents_tab import DocumentsRoom
from rag.server.page.evaluation_tab import EvaluateRoom
from rag.server.page.events import MARKUP, QUIET
from rag.server.page.upload_guard import OwnFiles
from rag.server.page.views import answer_view, document_table, settings_table

if TYPE_CHECKING:
    from fastapi import FastAPI

_HERE = Path(__file__).parent
_LOOKED_AT_DOCUMENTS_S, _LOOKED_S = 2, 10  # how often a page looks whether documents came or went
_WAITING = 64  # questions that may wait; one more is refused at once


def mount(outer: FastAPI, library: Library, uploads: Path, in_step: threading.Event | None = None, user: str = "") -> None:
    """Puts the page over one library at the root of a server.

    Args:
        outer: The server.
        library: What is asked.
        uploads: A folder of this process alone, in which dropped files lie until they are taken in.
        in_step: Set once the library's folder was looked at.
        user: Who must log in; empty where nobody must.
    """
    os.environ["GRADIO_TEMP_DIR"] = str(uploads)  # by itself Gradio leaves them where everyone on the machine can read
    gr.mount_gradio_app(
        outer, build(library, uploads, in_step, user), path="/", show_error=False, footer_links=[], theme=_theme(),
        head=f"<script>{(_HERE / 'page.js').read_text(encoding='utf-8')}</script>", css_paths=[_HERE / "style.css"],
        max_file_size=library.settings.max_file_mb * 1_000_000, blocked_paths=[str(library.folder.resolve())],
        run_history=False, app_kwargs={"openapi_url": None, "docs_url": None, "redoc_url": None},
    )  # fmt: skip


def build(library: Library, uploads: Path, in_step: threading.Event | None = None, user: str = "") -> gr.Blocks:
    """The page over one library.

    Args:
        library: What is asked.
        uploads: Where dropped files lie.
        in_step: Set once its folder was looked at; until then a question to an empty library waits a while.
        user: Who is logged in; empty where nobody must be.
    """

    def about() -> str:
        return answer_view.top(document_table.summary(library.documents()), library.settings.remote_addresses(), user)

    with OwnFiles(uploads, title="rag", analytics_enabled=False, delete_cache=(3600, 86400), fill_width=True) as page:
        version, timer = gr.State(-1), gr.Timer(_LOOKED_S)
        top = gr.Markdown(about(), elem_id="head", **MARKUP)
        with gr.Tabs(elem_id="rooms"):
            with gr.Tab("Ask", id="ask") as ask_tab:
                ask = AskRoom(library, in_step)
            with gr.Tab("Documents", id="documents") as documents_tab:
                documents = DocumentsRoom(library)
            with gr.Tab("Evaluate", id="evaluate") as evaluate_tab:
                evaluate = EvaluateRoom(library, Path.cwd())
            with gr.Tab("Settings", id="settings") as settings_tab:
                facts_shown = gr.Markdown("", elem_id="facts", **MARKUP)
        ask.wire(version)
        documents.wire(version)
        evaluate.wire(page)
        settings_tab.select(lambda: settings_table.shown(library.status(), library.settings), None, facts_shown, **QUIET)
        # All that shows documents is told when there are others, or they stand otherwise.
        gr.on([page.load, timer.tick, documents.changed], library.version, None, version, **QUIET)
        version.change(about, None, top, **QUIET)
        documents_tab.select(lambda: gr.Timer(_LOOKED_AT_DOCUMENTS_S), None, timer, **QUIET)
        gr.on(
            [tab.select for tab in (ask_tab, evaluate_tab, settings_tab)], lambda: gr.Timer(_LOOKED_S), None, timer, **QUIET
        )
    page.queue(max_size=_WAITING, default_concurrency_limit=AT_ONCE)
    return page


def _theme() -> gr.themes.Base:
    """System fonts, one accent; nothing is fetched."""
    return gr.themes.Base(
        primary_hue="slate", neutral_hue="gray", font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"],
        radius_size="sm", spacing_size="sm",
    )  # fmt: skip
