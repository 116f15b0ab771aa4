"""Makes a page ready to be captured beyond its window, as if a reader had scrolled through it."""
