"""How a chapter's kernel is talked to."""

import shutil
import tempfile
from pathlib import Path

from jupyter_client.manager import AsyncKernelManager


class LocalKernelManager(AsyncKernelManager):
    """A kernel behind sockets of the file system, which only this user can open.

    Jupyter's default is TCP on the loopback address, which any program on the machine can listen
    to, and about which each kernel warns. Its sockets of the file system lie in the folder that one
    works in, under names that two kernels that start together both take for free; here each kernel
    has a folder of its own.
    """

    transport = "ipc"

    def __init__(self, **given):
        super().__init__(**given)
        self.ip = f"{tempfile.mkdtemp(prefix='cvbook-')}/kernel"  # short: 107 bytes is the limit

    def cleanup_ipc_files(self) -> None:
        """Remove the sockets and their folder."""
        super().cleanup_ipc_files()
        shutil.rmtree(Path(self.ip).parent, ignore_errors=True)
