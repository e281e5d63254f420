"""The routes of the collector, one module a route.

Owns the answer of each route. May use `collector.http`, `collector.process` and `pipeline`. `collector.app` puts the routes
together.
"""

__all__ = ["assets", "beacon", "health", "pixel", "privacy"]
