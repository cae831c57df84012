"""What is filtered out of a model's reply, and what is checked in an answer before a reader trusts it."""
