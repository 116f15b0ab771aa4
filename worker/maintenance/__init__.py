"""What a worker does besides rendering: recover jobs, erase old data, fire schedules, listen to Redis."""
