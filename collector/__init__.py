"""The HTTP edge: turns a request into a spooled event, and nothing else.

It imports no ClickHouse client. Of `pipeline` it uses settings, event, edge, spool and counters.
"""
