"""Numbered versions of an export: what clients rely on, labels, rollback."""
