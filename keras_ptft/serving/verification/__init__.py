"""An export compared with its Keras model."""
