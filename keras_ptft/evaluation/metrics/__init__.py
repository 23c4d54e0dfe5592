"""Metrics of a model's predictions."""
