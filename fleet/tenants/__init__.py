"""Tenants: their API keys, limits and usage."""
