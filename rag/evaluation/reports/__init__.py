"""Formats evaluation runs as HTML pages, Markdown tables, JUnit XML and SVG charts."""
