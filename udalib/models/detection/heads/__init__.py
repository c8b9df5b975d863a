"""Dense heads of detectors."""
