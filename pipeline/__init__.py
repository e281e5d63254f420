"""The path of an event from the request to the report. A room is a sub-package; docs/architecture.md has the floor plan.

The steps, in one direction:

1. `collector.http.request` makes a `Hit` from an HTTP request, or refuses it with a counted reason.
2. `pipeline.edge.steps`: `EDGE_STEPS` make `Event`s from the hit: privacy signals and consent, the client's address,
   network facts, rate limit, page and referrer (`pipeline.pages`), cookies (`pipeline.headers`), tokens (`pipeline.keys`). An
   `Event` holds no address.
3. `pipeline.spool.append` puts the events on disk. Only then does the browser get its answer.
4. `pipeline.enrich.steps`: `enrich` makes a `Row` from each event: browser, hints, robot, referrer kind, labels.
5. `pipeline.delivery.exactly_once` stores batches of rows in ClickHouse exactly once, reads them back and acknowledges the
   segment. `pipeline.ship` is the process that runs steps 4 to 6.
6. `pipeline.publish` publishes the numbers of each closed hour and day, perturbed (`ship` runs it).
7. `sql/reports/*.sql` answer the questions (`pipeline.reports`); each reader sees only the database of one purpose.

Beside this path: `pipeline.subjects` answers requests of persons, `pipeline.audit` records sensitive acts,
`pipeline.privacy_check` attacks the running system, `pipeline.inventory` lists every stored column, `pipeline.embedding`
prints and checks the tag, `pipeline.traffic` sends invented hits, `pipeline.operations` starts and checks a machine.

Pure modules take `now`, keys and tables as arguments; pyproject.toml lists them.
"""

__version__ = "0.1.0"
"""The version of everything here: the package, the command line, `/metrics` and the pages read it from this line."""
