"""How renderfleet is run: on one machine without containers (`embedded`), or in containers."""
