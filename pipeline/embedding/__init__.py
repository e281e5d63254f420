"""The tag: the lines to paste into a page, and the check that they work on it.

Owns the printed lines and the check of a page from the outside. May use `edge`, `scrub` and below. The demo
clinic and its own commands use it.
"""

__all__ = ["check_page", "commands", "platforms", "snippet"]
