"""Texts that a language model continues."""
