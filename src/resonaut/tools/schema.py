"""`resonaut schema`: print the JSON Schema of the configuration, as it stands in workflow/schemas/."""

from __future__ import annotations

import argparse
import json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `resonaut schema`."""
    parser.add_argument("--markdown", action="store_true", help="print config/README.md instead")


def run(arguments: argparse.Namespace) -> int:
    """Print the schema."""
    if arguments.markdown:
        from resonaut.schema_text import markdown

        print(markdown(), end="")
        return 0
    from resonaut.schema import json_schema

    print(json.dumps(json_schema(), indent=2, sort_keys=True))
    return 0
