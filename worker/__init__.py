"""One browser, its slots, and the attempts that run in them."""
