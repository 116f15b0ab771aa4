"""Workers as the fleet sees them: who is there, how each is, whether they are paused."""
