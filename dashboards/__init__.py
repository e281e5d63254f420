"""Read-only pages over the reports. Empty for now: the reports are read with `clinic-pixel report` and any client."""
