"""Saves a training and resumes it to the bit."""
