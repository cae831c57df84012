"""Assembles the page from its tabs and mounts it on a server. Only this package uses gradio."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr

from rag.library import Library
from rag.server.page.chat_tab import CONCURRENT_QUESTIONS, ChatTab
from rag.server.page.documents_tab import DocumentsTab
from rag.server.page.evaluation_tab import EvaluationTab
from rag.server.page.gradio_options import MARKUP, QUIET
from rag.server.page.upload_guard import GuardedBlocks
from rag.server.page.views import answer_view, document_table, settings_table

if TYPE_CHECKING:
    from fastapi import FastAPI

_HERE = Path(__file__).parent
_POLL_DOCUMENTS_S, _POLL_S = 2, 10  # seconds between checks for changes: on the Documents tab, on other tabs
_MAX_WAITING_QUESTIONS = 64  # when this many questions are waiting, new ones are rejected


def mount(
    server: FastAPI, library: Library, uploads: Path, first_sync: threading.Event | None = None, user: str = ""
) -> None:
    """Mounts the page for a library at the root of a server.

    Args:
        server: The FastAPI application to which the page is added.
        library: The library that answers questions.
        uploads: A folder that only this process uses; uploaded files are stored there until they are in the library.
        first_sync: An event that is set once the library's folder has been synced.
        user: The name of the user who must log in; empty if no login is required.
    """
    os.environ["GRADIO_TEMP_DIR"] = str(uploads)  # every user of this machine can read Gradio's default folder
    gr.mount_gradio_app(
        server,
        build(library, uploads, first_sync, user),
        path="/",
        show_error=False,
        footer_links=[],
        theme=_theme(),
        head=f"<script>{(_HERE / 'page.js').read_text(encoding='utf-8')}</script>",
        css_paths=[_HERE / "style.css"],
        max_file_size=library.settings.max_file_mb * 1_000_000,
        blocked_paths=[str(library.folder.resolve())],
        run_history=False,
        app_kwargs={"openapi_url": None, "docs_url": None, "redoc_url": None},
    )


def build(library: Library, uploads: Path, first_sync: threading.Event | None = None, user: str = "") -> gr.Blocks:
    """Returns the page for a library.

    Args:
        library: The library that answers questions.
        uploads: The folder in which uploaded files are stored.
        first_sync: An event that is set once the library's folder has been synced. Until then, a question that is
            asked while the library is empty waits briefly for the first documents.
        user: The name of the logged-in user; empty if no login is required.
    """

    def header() -> str:
        summary = document_table.summary_text(library.documents())
        return answer_view.header_markup(summary, library.settings.remote_addresses(), user)

    with GuardedBlocks(uploads, title="rag", analytics_enabled=False, delete_cache=(3600, 86400), fill_width=True) as page:
        version, timer = gr.State(-1), gr.Timer(_POLL_S)
        head = gr.Markdown(header(), elem_id="head", **MARKUP)
        with gr.Tabs(elem_id="rooms"):
            with gr.Tab("Ask", id="ask") as ask:
                chat_tab = ChatTab(library, first_sync)
            with gr.Tab("Documents", id="documents") as documents:
                documents_tab = DocumentsTab(library)
            with gr.Tab("Evaluate", id="evaluate") as evaluate:
                evaluation_tab = EvaluationTab(library, Path.cwd())
            with gr.Tab("Settings", id="settings") as settings:
                table = gr.Markdown("", elem_id="facts", **MARKUP)
        chat_tab.wire(version)
        documents_tab.wire(version)
        evaluation_tab.wire(page)
        settings.select(lambda: settings_table.settings_markup(library.status(), library.settings), None, table, **QUIET)
        # When the library's version changes, everything that shows documents is refreshed.
        gr.on([page.load, timer.tick, documents_tab.changed], library.version, None, version, **QUIET)
        version.change(header, None, head, **QUIET)
        documents.select(lambda: gr.Timer(_POLL_DOCUMENTS_S), None, timer, **QUIET)
        gr.on([tab.select for tab in (ask, evaluate, settings)], lambda: gr.Timer(_POLL_S), None, timer, **QUIET)
    page.queue(max_size=_MAX_WAITING_QUESTIONS, default_concurrency_limit=CONCURRENT_QUESTIONS)
    return page


def _theme() -> gr.themes.Base:
    """Returns a theme with system fonts and a single accent colour. It loads nothing from the network."""
    return gr.themes.Base(
        primary_hue="slate",
        neutral_hue="gray",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
        radius_size="sm",
        spacing_size="sm",
    )
