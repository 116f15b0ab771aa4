"""One attempt at a job: claimed, rendered, stored, recorded, tried again."""
