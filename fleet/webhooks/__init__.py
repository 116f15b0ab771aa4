"""Webhooks in the database: tenants' endpoints, and the outbox of messages to send."""
