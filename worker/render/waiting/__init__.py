"""Waiting for a page: until it has arrived, until it is at rest, until what the caller names is there."""
