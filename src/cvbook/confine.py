"""A limit of memory for processes that decode what strangers send."""

from pathlib import Path

MEMORY = 3 * 2**29  # bytes: enough for the largest page that is decoded


def confine(memory: int = MEMORY) -> None:
    """Allow this process so many bytes of memory more than it has now, and no core dump."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    statm = Path("/proc/self/statm")
    now = int(statm.read_text().split()[0]) * resource.getpagesize() if statm.exists() else 0
    resource.setrlimit(resource.RLIMIT_AS, (now + memory, now + memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
