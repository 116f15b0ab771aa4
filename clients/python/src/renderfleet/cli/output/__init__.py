"""What commands leave behind: lines on the terminal, and files."""
