"""Text: sentences, terms, languages, quotations, dates and characters."""
