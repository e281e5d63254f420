"""Reading a request: address, headers, query and body become a `Hit` or a refusal.

Owns the limits of a request. Pure: no clock, no file, no settings file. May use `pipeline.edge`, `pipeline.networks`
and below. The endpoints use it.
"""

__all__ = ["beacon_schema", "body", "query", "request"]
