"""What HTTP asks for and is answered: bodies, ranges, preferences, problems."""
