"""What several routes need for HTTP: bodies, headers, problem documents, streams."""
