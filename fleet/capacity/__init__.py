"""How much work waits, how long the present workers need for it, and how many workers there should be."""
