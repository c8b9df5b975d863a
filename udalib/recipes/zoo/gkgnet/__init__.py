"""Recipes of GKGNet and its baselines."""
