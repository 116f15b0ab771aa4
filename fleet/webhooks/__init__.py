"""Webhooks: where messages go, and what still has to be sent."""
