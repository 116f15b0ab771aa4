"""Making jobs: accepted one by one or many at once, made again, or answered by an older job."""
