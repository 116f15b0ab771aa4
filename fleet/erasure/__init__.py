"""Erasing a tenant with all its data: asked for by an operator, done by workers, step by step."""
