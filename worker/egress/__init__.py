"""The only way out of a page, and of a webhook.

proxy.py opens a port for each page; port.py holds it to what its job may (terms.py), record.py remembers what
came of it. connection.py is one connection at it: request.py reads what is asked for, pipes.py pass bytes on,
answer.py rewrites the head of an answer, refusal.py says no. routes.py judges and connects (names.py shares
look-ups of resolver.py, own.py knows the worker's own ports, dial.py dials), or through.py asks the egress
service, which is the same proxy as a process of its own (standalone.py); upstream.py talks to a tenant's
proxy.
"""
