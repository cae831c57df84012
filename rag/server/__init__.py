"""The HTTP server, which serves the web interface and handles login and security."""
