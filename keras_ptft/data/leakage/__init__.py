"""Copies of examples in two splits."""
