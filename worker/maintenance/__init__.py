"""What a worker does beside its attempts: sweep, erase, fire schedules, listen to Redis."""
