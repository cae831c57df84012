"""The page: a chat beside its sources. `show` makes what is shown from records, `app` wires it to Gradio."""

import os

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when gradio is imported, which the modules here do
