"""Who looks at the dashboard: the cookie of a session, and where a form may come from."""
