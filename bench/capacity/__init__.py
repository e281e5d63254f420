"""How much a machine carries: models that are fed with the costs that `make bench` has measured."""
