"""The same work done by ours, by plain Keras and by PyTorch."""
