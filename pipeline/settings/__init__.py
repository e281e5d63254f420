"""The settings: their names, types, defaults and sources, and the words that refuse a value of no use.

Owns `pixel.toml` and the variables `PIXEL_*`. May use `errors` and `host_names`. Every room reads the frozen model.
"""

__all__ = ["ad_names", "alerts", "model", "sections", "site", "values"]
