"""Weight files: finding, reading and fitting them into networks."""
