"""The page: a chat beside its sources. `show` makes what is shown from records, `app` wires it to Gradio."""
