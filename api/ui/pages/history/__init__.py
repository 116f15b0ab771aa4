"""Figures over time as a page: charts, each with its table."""
