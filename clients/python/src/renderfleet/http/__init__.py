"""How a call reaches the server: the request, its retries, and following a job by several calls."""
