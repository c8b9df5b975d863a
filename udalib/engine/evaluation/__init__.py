"""Evaluators, one a task, and how whole images are predicted."""
