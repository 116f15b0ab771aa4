"""Log lines, metrics, and probes of the dependencies of a process."""
