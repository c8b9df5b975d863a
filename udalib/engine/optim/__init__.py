"""Optimisers from a description of their parameter groups, and learning-rate schedules."""
