"""Encoders: images to features, finest first."""
