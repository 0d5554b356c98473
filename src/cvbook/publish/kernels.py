"""How a chapter's kernel is talked to."""

from jupyter_client.manager import AsyncKernelManager


class LocalKernelManager(AsyncKernelManager):
    """A kernel behind sockets of the file system, which only this user can open.

    Jupyter's default is TCP on the loopback address, which any program on the machine can listen
    to, and about which each kernel warns.
    """

    transport = "ipc"
