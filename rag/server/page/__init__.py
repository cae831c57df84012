"""The page of the web interface, built with Gradio: conversations, shown next to the sources of their answers.

The modules in `views` turn records into markup, and `app` assembles the page from its tabs.
"""

import os

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # Gradio reads it when the modules in this package import it
