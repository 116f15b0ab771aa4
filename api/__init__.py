"""The HTTP server: it stores requests as jobs, answers with what became of them, and has the dashboard."""
