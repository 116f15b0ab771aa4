"""Child processes: started, watched, stopped, with all below them."""
