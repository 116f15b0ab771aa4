"""What the owner of a job gets to see of it, in answers and webhooks."""
