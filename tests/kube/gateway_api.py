"""The kinds of the Gateway API: the published definitions where SEALGATE_GATEWAY_API names a folder
that holds them, else as far as a test needs them: names and versions, any fields."""

import os
from pathlib import Path

import yaml

KINDS = [
    # kind, plural, served versions (the first is stored), namespaced
    ("GatewayClass", "gatewayclasses", ["v1"], False),
    ("Gateway", "gateways", ["v1"], True),
    ("BackendTLSPolicy", "backendtlspolicies", ["v1"], True),
    ("ReferenceGrant", "referencegrants", ["v1beta1"], True),
]
GROUP = "gateway.networking.k8s.io"
ANY = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def definitions():
    """CustomResourceDefinitions that at the least keep a generation and a status."""
    if folder := os.environ.get("SEALGATE_GATEWAY_API"):
        return [yaml.safe_load((Path(folder) / f"{GROUP}_{plural}.yaml").read_text()) for _, plural, _, _ in KINDS]
    return [definition(*kind) for kind in KINDS]


def definition(kind, plural, versions, namespaced):
    schema = {"type": "object", "properties": {"spec": ANY, "status": ANY}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{GROUP}",
            "annotations": {"api-approved.kubernetes.io": "unapproved, for tests"},
        },
        "spec": {
            "group": GROUP,
            "scope": "Namespaced" if namespaced else "Cluster",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"},
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": version == versions[0],
                    "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": schema},
                }
                for version in versions
            ],
        },
    }
