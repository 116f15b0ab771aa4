"""The style sheet and the scripts of the dashboard, and the libraries that lie with them."""
