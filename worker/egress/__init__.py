"""What a render may reach: guard.py decides, resolver.py asks for addresses."""
