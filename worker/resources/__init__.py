"""Memory and disk: how much a page, a worker and its container use, and how much they may use."""
