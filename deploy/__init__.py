"""How renderfleet is run: on one machine (embedded), in containers."""
