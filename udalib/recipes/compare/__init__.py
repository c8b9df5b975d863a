"""Two runs side by side: what differs between them, where their curves part, and which difference explains the gap."""
