"""One job: its picture, what happened to it, and what can be done with it."""
