"""The JSON that outside programs rely on."""
