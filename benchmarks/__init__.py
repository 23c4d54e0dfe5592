"""The same work done by keras_ptft, plain Keras, PyTorch and gensim."""
