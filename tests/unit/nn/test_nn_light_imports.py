"""What reads a configuration or prints a help text must not wait for torch."""

import subprocess
import sys

from resonaut import registry

HEAVY = ("torch", "scipy", "h5py", "safetensors", "uproot", "awkward")
LIGHT = (
    "resonaut.nn.settings",
    *(f"resonaut.tag.{name}" for name in ("settings", "cli", "interface")),
    *(f"resonaut.tag.methods.{name}" for name in registry.names("tag")),
    *(f"resonaut.generate.{name}" for name in ("settings", "cli", "interface", "methods.vae")),
)


def test_settings_methods_and_commands_import_nothing_heavy():
    code = f"import sys, {', '.join(LIGHT)}; print([name for name in {HEAVY!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
