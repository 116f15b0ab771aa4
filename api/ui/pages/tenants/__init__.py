"""Tenants, for operators: their use against their limits, and their keys."""
