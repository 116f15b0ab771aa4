"""What waits, as a page: the line, and each tenant's part of it."""
