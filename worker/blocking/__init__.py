"""What is kept out of a page: the caller's own patterns, and lists of advertisements and trackers."""
