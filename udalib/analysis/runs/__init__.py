"""What finished runs say: effects over seeds, curves, classes, sweeps."""
