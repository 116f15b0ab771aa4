"""The list of jobs, as rows or as pictures, and what can be done with many of them."""
