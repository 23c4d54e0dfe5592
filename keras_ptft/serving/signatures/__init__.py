"""What an export answers."""
