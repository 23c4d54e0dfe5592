"""What a linear baseline consists of."""
