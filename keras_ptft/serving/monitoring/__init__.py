"""What moved since training: statistics of an export and of its requests."""
