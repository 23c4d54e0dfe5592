"""Starts TensorFlow Serving on an export, and tries what it answers."""
