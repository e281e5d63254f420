"""The pages of a site: what may be kept of a page's address, and the public pages that are kept as they are.

Owns the reduction of an address, its flags and attacks, the query, the reading of sitemaps and the files under `data/pages`.
May use `scrub`, `system` and the root. The edge, `ship` and `operations` use it.
"""

__all__ = ["commands", "known", "learn", "page"]
