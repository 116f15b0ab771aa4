"""Memory: of a page, of a picture, of the worker, and the limits of each."""
