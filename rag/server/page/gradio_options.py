"""Gradio options that all tabs pass to their events and components."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Updates = dict[Any, Any]  # component → its new value; all other components keep their values

QUIET: Mapping[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}  # for events
MARKUP: Mapping[str, Any] = {"latex_delimiters": [], "sanitize_html": True}  # for components that show markup
HIDDEN = ["behind"]  # CSS class for the text boxes and outputs that only page.js uses
