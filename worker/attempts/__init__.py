"""One attempt at a job: claim it, render it, store the artifact, record the outcome or retry."""
