"""Pages that a port serves itself, at a host that exists nowhere else."""
