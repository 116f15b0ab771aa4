"""Calls for operators: tenants and API keys."""
