"""The language of templates: Jinja2, sandboxed. What is here is imported only when a job has a template."""
