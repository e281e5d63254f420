"""The HTTP edge: turns a request into a spooled event, and nothing else.

It imports no ClickHouse client; what it needs of `pipeline` is settings, event, edge, spool and counters.
"""
