"""`python -m pipeline`: the same as `clinic-pixel`, for the supervisor's children."""

from pipeline.cli import main

main()
