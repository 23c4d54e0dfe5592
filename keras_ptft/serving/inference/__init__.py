"""A trained model asked from Python."""
