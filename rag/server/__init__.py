"""The HTTP server: the application, its middleware, login, and the web interface."""
