"""The HTTP server: application, middleware, accounts, and the page."""
