"""Comparing two pictures: what differs, how much of it a person would see, and where."""
