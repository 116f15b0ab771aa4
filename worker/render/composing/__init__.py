"""The HTML of pages that are made from a template or from Markdown, in confined processes."""
