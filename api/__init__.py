"""HTTP in, job id out."""
