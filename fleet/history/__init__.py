"""Figures over time: jobs that have ended, by the minute, and the state of the fleet."""
