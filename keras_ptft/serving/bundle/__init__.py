"""Files that make an export usable at once."""
