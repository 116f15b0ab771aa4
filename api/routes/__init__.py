"""The HTTP calls: one module for each kind of resource."""
