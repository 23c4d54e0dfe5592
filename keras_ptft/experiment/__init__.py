"""A run, from settings to result."""
