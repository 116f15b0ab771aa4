"""Calls of the operator: tenants and keys."""
