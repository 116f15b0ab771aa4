"""Processes and connections of the API: what goes on around every call."""
