"""The fleet's workers: the registry, their health, suspected memory leaks, and the pause of the fleet."""
