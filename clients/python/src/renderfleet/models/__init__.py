"""What the API answers with, as frozen dataclasses."""
