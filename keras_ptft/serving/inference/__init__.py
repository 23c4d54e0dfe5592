"""Finds a trained model and runs it from Python."""
