"""Lengths of time in the two units of the code: milliseconds of Unix time and seconds."""

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
HOUR_SECONDS = 3_600
DAY_SECONDS = 24 * HOUR_SECONDS
