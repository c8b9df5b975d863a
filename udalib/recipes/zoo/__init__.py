"""The recipes that come with udalib; every module here is imported by the registry."""
