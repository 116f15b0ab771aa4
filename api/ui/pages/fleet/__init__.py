"""The fleet as a page: workers, backlog, pause."""
