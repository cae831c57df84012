"""What the page shows, made from records: pure functions that return markup, without Gradio."""
