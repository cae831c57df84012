"""Pure functions that turn records into the page's markup; they do not use Gradio."""
