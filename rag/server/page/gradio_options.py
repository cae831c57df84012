"""Gradio options that all tabs pass to their events and components."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Updates = dict[Any, Any]  # component → its new value; components that are not in it keep theirs

QUIET: Mapping[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}  # of events
MARKUP: Mapping[str, Any] = {"latex_delimiters": [], "sanitize_html": True}  # of components that show markup
HIDDEN = ["behind"]  # CSS class of the text boxes and outputs that only page.js uses
