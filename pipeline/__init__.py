"""The event's life after the request.

The way of an event, one way and no back and forth:

1. `collector.http.request` turns an HTTP request into a `Hit`; what is not a hit is refused with a counted reason.
2. `pipeline.edge.steps.EDGE_STEPS` turns the `Hit` into one or more `Event`s: signals and consent, client address, network
   facts, page and referrer scrubbing, cookies, tokens. No address is left after this.
3. `pipeline.spool.append` puts the events on disk; only then does the browser get its answer.
4. `pipeline.enrich.steps.ENRICH_STEPS` makes a `Row` of each event: browser, hints, robot, referrer kind, labels.
5. `pipeline.delivery.exactly_once` stores batches of rows in ClickHouse exactly once, reads them back and acknowledges the segment.
6. `sql/reports/*.sql`, one parameterised view each, answer the questions; each reader sees only its own database.

Pure modules take `now`, keys and tables as arguments. On the way of an event, clock, files and sockets live in keys, spool,
journal, networks, store and worker; what else touches a disk (audit, blocks, cases, the jobs of `ship`) says so on top.
"""
