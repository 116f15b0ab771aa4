"""The commands, one module for each word that may follow `renderfleet`."""
