"""Two dimensions for many: t-SNE, alignment, stability."""
