"""The routes of the collector, one module a route.

Owns what each route answers. May use `collector.http`, `collector.process` and `pipeline`. `collector.app` puts the routes
together.
"""

__all__ = ["assets", "beacon", "health", "pixel", "privacy"]
