"""What commands are given: options, pages, and files that list many shots."""
