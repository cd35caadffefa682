"""``delivery.yaml`` and the connectors' secrets as they are in force: read again when a file has changed.

A file that is wrong changes nothing: what was read before stays in force, and ``problem`` says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from config.connector_secrets import FILE, load_connector_secrets
from config.delivery import DeliveryConfig, delivery_path, load_delivery
from facts.errors import HotlineError

#: size and last change of a file; None: there is none
Mark = tuple[int, int] | None


class DeliveryFiles:
    """Both files of one installation, for one process.

    Raises:
        HotlineError: at the start, when one of them is wrong: there is nothing to fall back on.
    """

    def __init__(self, folder: Path | None, home: Path) -> None:
        self._folder, self._home = folder, home
        self._marks = self._look()
        self._config = load_delivery(folder)
        self._secrets = load_connector_secrets(home)
        #: what is wrong with the files as they are now; None: they are in force
        self.problem: HotlineError | None = None

    @property
    def config(self) -> DeliveryConfig:
        """The connectors in force."""
        return self._config

    @property
    def secrets(self) -> Mapping[str, str]:
        """Their secrets by name."""
        return self._secrets

    def current(self) -> DeliveryConfig:
        """The connectors in force now; looks at the files first."""
        self.changed()
        return self._config

    def changed(self) -> bool:
        """Whether other connectors or secrets are in force since the last look."""
        marks = self._look()
        if marks == self._marks:
            return False
        self._marks = marks
        try:
            config, secrets = load_delivery(self._folder), load_connector_secrets(self._home)
        except HotlineError as problem:
            self.problem = problem
            return False
        self.problem = None
        before = self._config, self._secrets
        self._config, self._secrets = config, secrets
        return before != (config, secrets)

    def _look(self) -> tuple[Mark, Mark]:
        return _mark(delivery_path(self._folder)), _mark(self._home / FILE)


def _mark(path: Path) -> Mark:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
