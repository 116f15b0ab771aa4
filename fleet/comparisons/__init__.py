"""Comparisons of the pictures of two jobs: what is remembered of them, and their difference pictures."""
