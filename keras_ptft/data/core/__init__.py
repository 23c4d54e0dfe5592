"""What every data set is made of."""
