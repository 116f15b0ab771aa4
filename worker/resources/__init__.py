"""Memory and disk: what a page, a worker and its container take, and how much they may."""
