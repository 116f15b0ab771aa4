"""A stored file as the answer to a call: whole, in part, or a picture in its place."""
