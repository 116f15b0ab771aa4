"""The command `renderfleet`. docs/cli.md of renderfleet is its manual."""
