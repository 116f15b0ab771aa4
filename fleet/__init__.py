"""What the API and the worker share, and nothing else."""
