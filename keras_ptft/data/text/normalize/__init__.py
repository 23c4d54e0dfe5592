"""One spelling for texts, by TensorFlow operations."""
