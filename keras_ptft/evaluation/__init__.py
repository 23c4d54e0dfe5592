"""Whether it helped: predictions, the metrics from them, and the report."""
