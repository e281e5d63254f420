"""The HTTP edge: turns a request into a spooled event and does nothing else.

It imports no ClickHouse client; of `pipeline` it uses settings, event, edge, spool and counters.
"""
