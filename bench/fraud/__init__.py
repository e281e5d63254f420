"""Measurements of the fraud review: made-up attacks and look-alikes, the public logs, and the time of a scoring."""
