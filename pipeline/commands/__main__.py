"""`python -m pipeline.commands`: the same as `clinic-pixel`, for the supervisor's children."""

from pipeline.commands import main

main()
