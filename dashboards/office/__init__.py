"""The pages of those who run the pixel: the lines to paste and their check, the state of the machine, personal data and its requests.

Owns what these three sections show; every fact comes from the function that the command of the same name uses.
"""

__all__ = ["embed", "exposure", "health", "privacy", "requests", "tag", "week"]
