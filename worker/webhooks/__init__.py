"""Delivers webhooks.

sender.py claims messages, signing.py signs them, http_post.py sends them, and retry_policy.py decides about
another attempt.
"""
