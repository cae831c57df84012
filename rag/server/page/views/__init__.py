"""Markup of the page, made from records: pure functions without Gradio."""
