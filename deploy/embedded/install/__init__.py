"""What `make` installs before anything runs: a Python environment and a Chromium."""
