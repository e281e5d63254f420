"""Writes the dashboards of Grafana beside this file: `python -m dashboards.grafana`, part of `make docs`."""

from __future__ import annotations

from pathlib import Path

from dashboards.grafana.panels import files
from pipeline.reports.catalogue import all_reports


def main() -> None:
    """Write the files."""
    for name, content in files(all_reports()).items():
        Path(__file__).with_name(name).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
