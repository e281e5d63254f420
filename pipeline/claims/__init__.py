"""What leaves the clinic about a case of fraud: claims for refunds of ad clicks, and advice for a firewall.

Owns the opening of sealed click ids, the forms of the ad networks, and the words of claims and advice. Only for cases that a person confirmed;
nothing here names an address, a visitor or a token. May use the keys, the audit and the database; `fraud` has its commands in its group.
"""

__all__ = ["advice", "claim", "commands", "switch"]
