"""The only way out of a page, and of a webhook.

proxy.py opens a port for each page. port.py allows this page what the terms of its job allow (terms.py), and
remembers what became of its connections (verdicts.py).

inbound/ is the side of the browser: connection.py is one connection, request_head.py reads what it asks for,
pipes.py relay bytes, response_head.py rewrites the head of an answer. refusal.py is the answer to what is not
allowed. own_site/ has the pages that a port serves itself.

outbound/ is the side of the target: route.py checks and connects. name_cache.py shares the look-ups of
resolver.py, own_ports.py knows the worker's own ports, dial.py connects, upstream.py goes through a tenant's
proxy. service_client.py connects through the egress service instead: that is `python -m worker.egress`, a
process of its own with a port of its own kind (service_port.py).
"""
