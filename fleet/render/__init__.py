"""What a caller may ask of one render, how it is stored, and how a signed link asks for it."""
