"""What is done with trained weights: load, predict, evaluate."""
