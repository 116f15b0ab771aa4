"""Whether this worker lives and can render, and who is told."""
