"""Tenants: their keys, limits and use."""
