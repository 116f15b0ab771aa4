"""What a process tells of itself: log lines, metrics, and whether its dependencies answer."""
