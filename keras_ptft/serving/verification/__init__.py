"""Compares an export with its Keras model before it is published."""
