"""The page: a conversation beside its sources. `views` turns records into markup, `app` wires the markup to Gradio."""

import os

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # Gradio reads it on import, which the modules of this package do
