"""Recipes of QuadMix, on images and on clips."""
