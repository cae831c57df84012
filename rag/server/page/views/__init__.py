"""Functions that turn records into the page's markup. They have no side effects and do not use Gradio."""
