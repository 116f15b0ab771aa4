"""Pages for renders: slots, pages made ahead, and one browser after the other."""
