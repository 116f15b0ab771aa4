"""The stream that tells an open page that something has changed."""
