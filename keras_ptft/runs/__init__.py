"""Lists the runs of a folder, and removes some (no TensorFlow)."""
