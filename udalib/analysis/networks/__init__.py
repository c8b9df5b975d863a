"""What a network sees and costs: receptive fields, attention, memory, time."""
