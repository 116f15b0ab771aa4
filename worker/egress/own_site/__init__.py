"""What a port serves itself, at a host that exists nowhere else: the files of a job, the page of a canary."""
