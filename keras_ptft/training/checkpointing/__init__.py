"""State of a training, saved and resumed."""
