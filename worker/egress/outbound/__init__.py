"""The way to a target: checked, looked up, connected, directly or through another proxy."""
