"""What a person who sees the result would say of it."""
