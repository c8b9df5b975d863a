"""Data sets: manifests, files, folders, clips; reading and checking them."""
