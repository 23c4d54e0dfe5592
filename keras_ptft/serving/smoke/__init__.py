"""Starts a server on an export, and tries what it answers."""
