"""Dashboards of Grafana, written from the headers of the reports: `make docs` writes the JSON files beside this one.

Owns the panels and their questions. The files that Grafana reads need nothing of this package.
"""
