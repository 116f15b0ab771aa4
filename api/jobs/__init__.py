"""Jobs as the API follows them: handed over to Redis, waited for, streamed as events."""
