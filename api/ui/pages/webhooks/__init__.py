"""Webhooks: addresses, how well they receive, and each message with its attempts."""
