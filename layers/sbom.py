"""Writes the packages of the built layers as a CycloneDX document: `make build` runs it.

From what lies in the layer, not from a list of what should. No time and no random id: the same build, the same bytes.
Source of the format: CycloneDX 1.6, JSON.
"""

import json
import re
import sys
import tomllib
import uuid
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[1]
BUILT = Path(".aws-sam") / "build" / "DependenciesLayer" / "python"
"""Where `sam build` leaves them."""


def document(packages: Path) -> dict[str, Any]:
    """The CycloneDX document of the packages in a folder. Raises FileNotFoundError when there is none."""
    if not packages.is_dir():
        raise FileNotFoundError(packages)
    components = sorted(_components(packages), key=lambda component: component["purl"])
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(components))}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "hookline",
                "name": project["name"],
                "version": project["version"],
                "licenses": [{"license": {"id": project["license"]}}],
            }
        },
        "components": components,
        "dependencies": [{"ref": "hookline", "dependsOn": [component["bom-ref"] for component in components]}],
    }


def _components(packages: Path) -> Iterator[dict[str, Any]]:
    for package in distributions(path=[str(packages)]):
        name = re.sub(r"[-_.]+", "-", package.metadata["Name"]).lower()  # PEP 503
        purl = f"pkg:pypi/{name}@{package.version}"
        component = {"type": "library", "bom-ref": purl, "name": name, "version": package.version, "purl": purl}
        licence = _license(package)
        yield {**component, "licenses": [{"license": {"name": licence}}]} if licence else component


def _license(package: Distribution) -> str:
    """As the package names it, in one line; empty when it does not."""
    metadata = package.metadata.json
    found = metadata.get("license_expression") or metadata.get("license") or ""
    return str(found).strip().splitlines()[0] if str(found).strip() else ""


if __name__ == "__main__":
    json.dump(document(PROJECT / BUILT), sys.stdout, indent=2)
    print()
