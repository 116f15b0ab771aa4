"""The OpenAPI document, the manual at `/docs` that is made from it, and the guides below `/docs/`."""
