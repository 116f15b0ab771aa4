"""Checks whether a worker is alive and can render, and reports it: over HTTP, in metrics, to the fleet."""
