"""Trains a recipe with other settings, and finds the best by validation."""
