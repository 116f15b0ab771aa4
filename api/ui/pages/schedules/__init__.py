"""Schedules: their pictures, and what changed between two of them."""
