"""Tenants: their API keys, limits and usage, and the commands for operators."""
