"""Data sets by where they come from, one file a family."""
