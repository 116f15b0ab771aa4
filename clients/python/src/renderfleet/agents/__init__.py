"""Tools for agents: a server of the Model Context Protocol (https://modelcontextprotocol.io).

Needs the extra `mcp`: `pip install 'renderfleet[mcp]'`. Nothing else of the package imports it, because that
takes a second.
"""
