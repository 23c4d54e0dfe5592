"""From texts to tokens."""
