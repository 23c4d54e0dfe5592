"""What users want predictions for."""
