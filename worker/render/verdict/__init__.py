"""What a person who sees the result would say of it: what is known of the page, and rules that judge it."""
