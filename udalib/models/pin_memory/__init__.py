"""The networks of Pin the Memory around its memory: hosts, one pass as a module, published snapshots."""
