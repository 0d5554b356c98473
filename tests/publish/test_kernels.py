"""Kernels that start together do not meet."""

import asyncio
import os
import stat
from pathlib import Path

from cvbook.publish.kernels import LocalKernelManager


def test_each_kernel_has_sockets_of_its_own_which_others_cannot_open_and_which_go():
    async def answer(number: int) -> tuple[str, str]:
        manager = LocalKernelManager(kernel_name="python3")
        await manager.start_kernel()
        folder = Path(manager.ip).parent
        try:
            assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
            client = manager.client()
            client.start_channels()
            await client.wait_for_ready(timeout=60)
            said: list[str] = []
            await client.execute_interactive(
                f"print({number})", output_hook=lambda m: said.append(m["content"].get("text", ""))
            )
            client.stop_channels()
        finally:
            await manager.shutdown_kernel(now=True)
        assert not folder.exists()
        return manager.ip, "".join(said).strip()

    async def both():
        return await asyncio.gather(answer(1), answer(2))

    (one, first), (other, second) = asyncio.run(both())
    assert one != other and (first, second) == ("1", "2")
