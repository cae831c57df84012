"""Where documents come from: files, folders and web pages, and the parsers that turn their bytes into text."""
