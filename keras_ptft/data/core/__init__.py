"""Sources, data sets, splits, and the order of examples."""
