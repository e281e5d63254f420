"""The reasons for which an acknowledged record is not a row of its table: two closed lists, each counted by name.

Owns the words of `pixel.rejects` and of the counts `rejected` and `quarantined` in `pixel.counters`; docs/refusals.md is
written from them. The reasons for which a hit is turned away before that are `pipeline.errors.Reason`.
"""

from __future__ import annotations

from enum import StrEnum


class RejectReason(StrEnum):
    """The reasons for which a record is not stored; `pixel.rejects` keeps all that is kept of it."""

    BAD_NUMBER = "bad_number"
    ENRICHMENT_FAILED = "enrichment_failed"
    REFUSED_BY_TABLE = "refused_by_table"
    ERASED = "erased"


class QuarantineReason(StrEnum):
    """The reasons for which a line of the spool or a whole segment is moved to `quarantine/`."""

    TORN = "torn"
    FRAME = "frame"
    CRC = "crc"
    TOO_LONG = "too_long"
    RECORD = "record"
    STUCK = "stuck"


REJECTED: dict[RejectReason, str] = {
    RejectReason.BAD_NUMBER: "a number of the record needs more than 64 bits",
    RejectReason.ENRICHMENT_FAILED: "an error of the software that nobody foresaw; the log of `ship` names its type and place",
    RejectReason.REFUSED_BY_TABLE: "ClickHouse refused this row alone; the log of `ship` has its error number",
    RejectReason.ERASED: "the person was erased before the row was stored; `pixel.rejects` has no row of it",
}

QUARANTINED: dict[QuarantineReason, str] = {
    QuarantineReason.TORN: "the line has no end: the process or the machine ended while it was written",
    QuarantineReason.FRAME: "the line does not have the form `checksum, space, record`",
    QuarantineReason.CRC: "the checksum does not fit the record",
    QuarantineReason.TOO_LONG: "the line is longer than any record",
    QuarantineReason.RECORD: "the checksum fits but the content is no record of this version",
    QuarantineReason.STUCK: "ClickHouse shows neither none nor all rows of a batch; its segments are kept whole",
}
