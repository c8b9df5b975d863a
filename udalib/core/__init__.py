"""What every part of udalib may import: errors, registry, atomic files, seeds, types, paths."""
