"""Which part of the page a picture shows, and how it looks there."""
