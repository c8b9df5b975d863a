"""Recipes of DSCL and its baselines on long-tailed sets."""
