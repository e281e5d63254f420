"""The demo clinic: a small site on loopback that carries the tag in each way, to look at and to test with.

Owns its pages and their texts. May use `pipeline.embedding` and below. Its command and the tests start it.
"""

__all__ = ["site"]
