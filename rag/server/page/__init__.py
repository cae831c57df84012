"""The web interface's page, built with Gradio. It shows each conversation next to the sources of its answers.

The modules in `views` turn records into markup, and `app` assembles the page from its tabs.
"""

import os

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # must be set before the modules in this package import Gradio
