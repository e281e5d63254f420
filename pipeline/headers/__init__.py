"""The headers of a request: consent and privacy signals, cookies, and whether the parts of a request fit together.

Owns our cookies, the precedence of the signals and the comparison of the headers. Pure. May use `pages`, `scrub` and the root.
The edge uses all of it, `subjects`, `traffic`, `privacy_check` and the page /privacy use `cookies`.
"""

__all__ = ["consent", "consistency", "cookies"]
