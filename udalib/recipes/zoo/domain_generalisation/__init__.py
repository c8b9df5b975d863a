"""Domain generalisation: Pin the Memory and what it is measured against, published and at home."""
