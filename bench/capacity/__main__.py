"""`python -m bench.capacity`: see `bench.capacity.page`."""

from bench.capacity.page import main

main()
