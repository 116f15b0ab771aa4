"""What waits, as a page: the queue, and each tenant's part of it."""
