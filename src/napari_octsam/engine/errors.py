"""What can befall the engine itself, as against `core.errors.UserError`, the person's to mend."""

from __future__ import annotations

__all__ = ["EngineDied", "EngineFault"]


class EngineDied(RuntimeError):  # noqa: N818
    """The engine's process ended, or did not start; the next request starts a new one."""


class EngineFault(RuntimeError):  # noqa: N818
    """The engine failed at a request and goes on; its log has the traceback."""
