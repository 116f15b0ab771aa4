"""The browser's side of a connection: what it asks for, and what it is answered."""
