"""Installs what `make` needs before anything else: a Python environment and a Chromium."""
