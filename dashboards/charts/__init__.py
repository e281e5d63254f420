"""From numbers to shapes: scales, lines with a band and gaps, bars, steps, strips of days. Pure; the templates draw what it gives as SVG.

Owns the arithmetic of a chart: no colour, no text but the labels of its ticks.
"""

__all__ = ["bars", "line", "net", "presence", "spark", "waterfall"]
