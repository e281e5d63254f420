"""The demo clinic: a small site on loopback with the tag in every form, for demonstration and tests.

Owns its pages and their texts. May use `pipeline.embedding` and below. Its command and the tests start it.
"""

__all__ = ["site"]
