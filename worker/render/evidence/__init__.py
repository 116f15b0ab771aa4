"""Evidence, the record of how a render came about, and replay, a render from it without the internet."""
