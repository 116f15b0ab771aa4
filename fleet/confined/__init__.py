"""Work on what strangers have sent, in child processes that have limits and end with their call or render."""
