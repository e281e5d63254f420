"""The reasons why an acknowledged record has no row: two closed lists, each reason counted under its own name.

Owns the words of `pixel.rejects` and of the counts `rejected` and `quarantined` in `pixel.counters`; docs/refusals.md is
generated from them. The reasons for refusing a hit before that are in `pipeline.errors.Reason`.
"""

from __future__ import annotations

from enum import StrEnum


class RejectReason(StrEnum):
    """The reasons why a record was left out of its table; only the columns of `pixel.rejects` are kept of it."""

    BAD_NUMBER = "bad_number"
    ENRICHMENT_FAILED = "enrichment_failed"
    REFUSED_BY_TABLE = "refused_by_table"
    ERASED = "erased"


class QuarantineReason(StrEnum):
    """The reasons why a line of the spool, or a whole segment, was moved to `quarantine/`."""

    TORN = "torn"
    FRAME = "frame"
    CRC = "crc"
    TOO_LONG = "too_long"
    RECORD = "record"
    STUCK = "stuck"


REJECTED: dict[RejectReason, str] = {
    RejectReason.BAD_NUMBER: "a number of the record needs more than 64 bits",
    RejectReason.ENRICHMENT_FAILED: "an unforeseen error of the software; the log of `ship` names its type and place",
    RejectReason.REFUSED_BY_TABLE: "ClickHouse refused this single row; the log of `ship` has its error number",
    RejectReason.ERASED: "the person was erased before the row was stored; `pixel.rejects` has no row of it",
}

QUARANTINED: dict[QuarantineReason, str] = {
    QuarantineReason.TORN: "the line has no end: the process or the machine stopped while it was written",
    QuarantineReason.FRAME: "the line does not have the form `checksum, space, record`",
    QuarantineReason.CRC: "the checksum does not fit the record",
    QuarantineReason.TOO_LONG: "the line is longer than any record",
    QuarantineReason.RECORD: "the checksum fits but the content is not a record of this version",
    QuarantineReason.STUCK: "ClickHouse shows some but not all rows of a batch; its segments are kept whole",
}
