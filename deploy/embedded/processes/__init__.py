"""Starts, watches and stops child processes, with all processes below them."""
