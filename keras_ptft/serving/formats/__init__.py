"""Writes a model for other runtimes, and proves what each of them answers."""
