"""Replicas and workers that train one model together."""
