"""The confined program that works on PDFs with pikepdf. It imports nothing of ours but fleet.confined."""
