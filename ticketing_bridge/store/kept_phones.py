"""What a ticket's row keeps of its call-back number, for whoever asks by telephone: enough to recognise it.

Last digits and a salted digest, both keyed: four digits, and a digest whose salt lies beside it, are tried
out in a moment. Rows of before, and databases opened without the installation's key, have them unkeyed.
"""

from __future__ import annotations

import hmac

from ticketing_bridge.store.sealing import Vault

_MARK = "~"


class KeptPhones:
    """Keys what is kept, and compares with it. Keying twice changes nothing."""

    def __init__(self, vault: Vault | None) -> None:
        self._vault = vault

    def last4(self, last4: str | None) -> str | None:
        """Last digits as they are kept."""
        if not last4 or self._vault is None or last4.startswith(_MARK):
            return last4
        return _MARK + self._vault.token("last4", last4)

    def digest(self, digest: bytes | None) -> bytes | None:
        """A salted digest (``facts.telephone.phone_digest``) as it is kept."""
        return digest if not digest or self._vault is None else self._vault.keyed_once("phone", digest)

    def kept(self, last4: str | None, digest: bytes | None) -> dict[str, object]:
        """Both columns."""
        return {"phone_last4": self.last4(last4), "phone_hash": self.digest(digest)}

    def asked(self, digest: bytes) -> bytes:
        """Whom or what a progress query was about, as it is counted."""
        return digest if self._vault is None else self._vault.keyed("asked", digest)

    def last4s(self, last4: str) -> list[str]:
        """What may stand in a row whose number ends so."""
        return [last4, self.last4(last4) or ""]

    def is_last4(self, kept: str | None, last4: str) -> bool:
        """Whether a row's number ends so; takes as long whatever the answer is."""
        return _equals((kept or "").encode(), *(it.encode() for it in self.last4s(last4)))

    def is_digest(self, kept: bytes | None, digest: bytes) -> bool:
        """Whether a row's number has this salted digest; takes as long whatever the answer is."""
        return _equals(kept or b"", digest, self.digest(digest) or b"")


def _equals(kept: bytes, *asked: bytes) -> bool:
    # all of them are looked at, whatever the first one says
    return sum(hmac.compare_digest(kept, it) for it in asked) > 0


#: of a database that was opened without a key
UNKEYED = KeptPhones(None)
