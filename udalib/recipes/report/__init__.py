"""From run folders to tables: entries, groups over seeds, text."""
