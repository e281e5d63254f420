"""The public pages of a site: learned from its sitemap, kept in one file for each site, read by the edge.

Owns the reading of sitemaps and the files under `data/pages`. May use `scrub`, `system` and the root. The edge, `ship` and
`operations` use it.
"""

__all__ = ["commands", "known", "learn"]
