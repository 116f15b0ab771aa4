"""The stored bytes of renders: the store, its keys, its client."""
