"""What is kept of how a render came about, and a render of it without the web."""
