"""What an export answers, and the examples that prove it."""
