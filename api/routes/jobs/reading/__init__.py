"""Reading jobs: which of them, their attempts, and their changes."""
