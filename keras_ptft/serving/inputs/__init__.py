"""Reads the files and texts that a user wants predictions for."""
