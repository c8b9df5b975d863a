"""Pictures of what a network sees and says: samples, label maps, flow, attention, uncertainty."""
