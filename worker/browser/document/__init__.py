"""What is known of the document in a page: how far it has loaded, its frames, its requests, its errors."""
