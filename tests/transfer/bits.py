"""Changes of a single bit."""

import keras


def flip(variable: keras.Variable) -> None:
    """Changes the last bit of a variable's first number."""
    values = variable.numpy()
    values.view(f"u{values.itemsize}").flat[0] ^= 1
    variable.assign(values)
