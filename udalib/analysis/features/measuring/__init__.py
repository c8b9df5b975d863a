"""Numbers about features: gaps between domains, separation of classes, and what goes with the score."""
