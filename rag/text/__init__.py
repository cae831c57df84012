"""Text: sentences, terms, languages, quotations and characters."""
