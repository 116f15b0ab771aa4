"""Calls that make jobs, or answer with a job that was made before."""
