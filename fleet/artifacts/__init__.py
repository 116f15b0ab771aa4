"""Artifacts, the files that renders produce: their store, its keys and its client."""
