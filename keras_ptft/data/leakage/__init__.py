"""Examples that are in two splits, exactly or nearly."""
