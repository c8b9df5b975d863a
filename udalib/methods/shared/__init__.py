"""Pieces that several methods build on."""
