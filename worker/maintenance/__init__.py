"""What a worker does besides its attempts: find lost jobs, erase old data, run schedules, listen to Redis."""
