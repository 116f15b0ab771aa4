"""Code that makes a call: what people copy out of the dashboard and the manual."""
