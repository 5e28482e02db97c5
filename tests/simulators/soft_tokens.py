"""Real PKCS#11 tokens without hardware: Debian's SoftHSM2, unpacked into ``build/peers``.

tokens = SoftTokens(tmp_path)
tokens.make("officers", pin="1234")
with tokens.session("officers") as session: ...      # to prepare what lies on it
# for programs: tokens.environment(), and the name pkcs11:token=officers;object=...
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pkcs11
from pkcs11 import Session

from tests.simulators.debian_packages import unpacked
from tests.simulators.peers import run

PIN = "123456"


@dataclass(frozen=True)
class SoftTokens:
    """Tokens in a folder. Only one such folder is known to this process at a time."""

    folder: Path

    @property
    def module(self) -> Path:
        """The library."""
        return unpacked("softhsm2", "libsofthsm2", "softhsm2") / "usr/lib/softhsm/libsofthsm2.so"

    def environment(self) -> dict[str, str]:
        """Variables for a process that uses the tokens."""
        return {
            "SOFTHSM2_CONF": str(self.folder / "softhsm2.conf"),
            "HSP_PKCS11_MODULE": str(self.module),
        }

    def make(self, label: str, pin: str = PIN) -> None:
        """A token with nothing on it."""
        store = self.folder / "tokens"
        store.mkdir(parents=True, exist_ok=True)
        (self.folder / "softhsm2.conf").write_text(
            f"directories.tokendir = {store}\nobjectstore.backend = file\nlog.level = ERROR\n"
        )
        program = self.module.parents[3] / "usr/bin/softhsm2-util"
        run(
            "making a token",
            [program, "--module", self.module, "--init-token", "--free", "--label", label,
             "--so-pin", "so-pin", "--pin", pin],
            self.folder,
            os.environ | self.environment(),
        )  # fmt: skip
        self.forget()

    def forget(self) -> None:
        """Let this process read the configuration and the tokens anew."""
        library = pkcs11.lib(str(self.module))
        library.finalize()

    @contextmanager
    def session(self, label: str, pin: str = PIN) -> Iterator[Session]:
        """Logged in, to prepare what lies on a token."""
        token = pkcs11.lib(str(self.module)).get_token(token_label=label)
        with token.open(rw=True, user_pin=pin) as session:
            yield session
