"""Explorers: a pure figure function with controls in front of it."""
