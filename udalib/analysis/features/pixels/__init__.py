"""Where features are taken: layers, cells of one class, points, and what networks say there."""
