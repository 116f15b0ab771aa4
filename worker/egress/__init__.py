"""The only way out of a page, and of a webhook.

proxy.py listens, one port a page. connection.py is one connection at it: request.py reads what is asked for,
routes.py judges and connects (names.py resolves, own.py knows the worker's own ports, dial.py dials; or
through.py asks the egress service), upstream.py talks to a tenant's proxy, answer.py rewrites the answer's
head, refusal.py says no. terms.py is what a job may, record.py what came of it. service.py is the same proxy
as a process of its own. resolver.py asks the system's name servers.
"""
