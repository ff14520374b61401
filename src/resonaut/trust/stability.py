"""What an entry of `stability` reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from resonaut.workflow import Plan


def reads(plan: Plan, name: str) -> dict[str, list[str]]:
    """Files of each option of the command."""
    return {}
