"""The words of the audit: a closed list of the acts that it can record."""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    """An act that is recorded before or while it is carried out."""

    KEY_MINT = "key_mint"
    KEY_SEEN = "key_seen"
    KEY_DESTROY = "key_destroy"
    KEY_DESTROYED = "key_destroyed"
    CLAIM_PAIR = "claim_pair"
    CLAIM = "claim"
    REVEAL = "reveal"
    RELINK = "relink"
    BACKUP = "backup"
    RESTORE = "restore"
    SQL = "sql"
    EXPOSURE = "exposure"
    FRAUD_CASE = "fraud_case"
    FRAUD_VERDICT = "fraud_verdict"
    PROBLEM_PATHS = "problem_paths"
    SUBJECT_FIND = "subject_find"
    SUBJECT_FIND_BY_ADDRESS = "subject_find_by_address"
    SUBJECT_BLOCK = "subject_block"
    SUBJECT_UNBLOCK = "subject_unblock"
    SUBJECT_EXPORT = "subject_export"
    SUBJECT_ERASE = "subject_erase"
    SUBJECT_ERASED = "subject_erased"
    SUBJECT_ERASED_LATE = "subject_erased_late"

    @property
    def refused(self) -> str:
        """The word for a requested act that was refused."""
        return f"{self.value}_refused"
