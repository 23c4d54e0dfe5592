"""Tables: CSV, TSV, JSON Lines and Parquet files, read row by row."""
