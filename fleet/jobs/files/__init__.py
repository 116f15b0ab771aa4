"""The files of a job: its artifact, its evidence, and which of them other jobs may use."""
