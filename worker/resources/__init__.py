"""What pages, the worker and its container use of memory, CPU, disk and processes, and the limits."""
