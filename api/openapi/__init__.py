"""The OpenAPI document, and the manual that is made from it."""
