"""Run roc-validator on an unpacked crate without a network; prints what it finds, one line each.

Started by the Python that has roc-validator: it asks for an older `rich` than the lock file has. The context
of RO-Crate 1.1 is read from w3id.org otherwise; here it is the part of it that our crates use.
"""

from __future__ import annotations

import json
import sys

SCHEMA = "http://schema.org/"
BIOSCHEMAS = "https://bioschemas.org/"
OWN = {
    "File": SCHEMA + "MediaObject",
    "conformsTo": "http://purl.org/dc/terms/conformsTo",
    "ComputationalWorkflow": BIOSCHEMAS + "ComputationalWorkflow",
    "FormalParameter": BIOSCHEMAS + "FormalParameter",
    "input": BIOSCHEMAS + "properties/input",
    "output": BIOSCHEMAS + "properties/output",
}


def terms(crate: dict) -> dict[str, str]:
    """The context: each term that the crate uses, and its meaning in RO-Crate 1.1."""
    found = set()
    for entity in crate["@graph"]:
        kinds = entity["@type"]
        found |= set(entity) | set([kinds] if isinstance(kinds, str) else kinds)
    return {term: OWN.get(term, SCHEMA + term) for term in found if not term.startswith("@")}


class Answer:
    """What the server of the context would say."""

    status_code = 200
    headers = {"Content-Type": "application/ld+json"}  # noqa: RUF012

    def __init__(self, text: str) -> None:
        self.text = text

    def json(self) -> dict:
        """The context."""
        return json.loads(self.text)


def main(folder: str, profile: str, severity: str) -> int:
    """Validate; the exit code is the number of findings, at most 100."""
    from rocrate_validator import services
    from rocrate_validator.models import ValidationSettings
    from rocrate_validator.utils import document_loader, http

    with open(f"{folder}/ro-crate-metadata.json", encoding="utf-8") as file:
        context = {"@context": terms(json.load(file))}
    document_loader._fetch_json_ld = lambda url: context
    document_loader.install_document_loader()
    http.HttpRequester.get = lambda self, url, **options: Answer(json.dumps(context))
    settings = ValidationSettings(
        rocrate_uri=folder, profile_identifier=profile, requirement_severity=severity, offline=False
    )
    issues = services.validate(settings).get_issues()
    for issue in issues:
        print(f"{issue.severity.name} {issue.check.identifier}: {issue.message}")
    return min(len(issues), 100)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
