"""What each group of options does to a page; the order is in worker/pipeline.py."""
