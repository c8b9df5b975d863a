"""Detectors: a backbone, a neck by name, a dense head by name."""
