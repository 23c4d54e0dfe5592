"""Whether this machine can do the work."""
