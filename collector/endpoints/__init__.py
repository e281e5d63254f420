"""The routes of the collector, one module for each.

Owns the answer of each route. May use `collector.http`, `collector.process` and `pipeline`. `collector.app` joins the
routes.
"""

__all__ = ["assets", "beacon", "health", "pixel", "privacy"]
