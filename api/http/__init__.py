"""What several routes need for HTTP: bodies, byte ranges, headers, problem documents."""
