"""The demo clinic: a small site on loopback that carries the tag in each way, to look at and to test with."""
