"""Trains a recipe several ways over several seeds, and says what it proves."""
