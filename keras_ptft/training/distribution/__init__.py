"""Devices and workers that train together."""
