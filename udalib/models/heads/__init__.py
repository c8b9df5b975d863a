"""Decoders that read the features of an encoder and return logits."""
