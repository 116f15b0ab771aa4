"""The program that renders jobs: one browser, its slots, and the attempts that run in them."""
