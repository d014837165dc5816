"""The types in ``api/`` and the schemas in ``crds/`` agree, and the schemas are complete."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from tracefoundry_operator.api.export import TraceExportSpec
from tracefoundry_operator.api.instance import TraceFoundrySpec, read_instance
from tracefoundry_operator.api.references import InvalidSpec

CRDS = Path(__file__).parents[2] / "crds"
POD_FIELDS = ("resources", "nodeSelector", "tolerations", "annotations")
COMPONENTS = ("collector", "ingest", "query", "ui", "retention", "migration", "exports")


def definition(plural: str) -> dict[str, Any]:
    """The resource definition in ``crds/``."""
    text = (CRDS / f"tracefoundry.dev_{plural}.yaml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def root(plural: str) -> dict[str, Any]:
    """The schema of a definition's only version."""
    schema: dict[str, Any] = definition(plural)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def nodes(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """All schemas below one, with their paths."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    for part in ("items", "additionalProperties"):
        if isinstance(schema.get(part), dict):
            yield from nodes(schema[part], f"{path}[]")


def filled(schema: dict[str, Any], value: Any) -> Any:
    """``value`` with the defaults of the schema, as the API server fills them in."""
    if isinstance(value, dict) and "properties" in schema:
        present = dict(value)
        for name, child in schema["properties"].items():
            if name not in present and "default" in child:
                present[name] = child["default"]
            if name in present:
                present[name] = filled(child, present[name])
        return present
    return value


def struct_of(annotation: Any) -> type[msgspec.Struct] | None:
    """The struct in an annotation such as ``tuple[Toleration, ...]`` or ``Image | None``."""
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return annotation
    if typing.get_origin(annotation) in (typing.Union, types.UnionType, tuple):
        found = [struct_of(each) for each in typing.get_args(annotation)]
        return next((each for each in found if each is not None), None)
    return None


def assert_agrees(struct: type[msgspec.Struct], schema: dict[str, Any], path: str) -> None:
    """Fields, requiredness, enumerations and, recursively, parts."""
    hints = typing.get_type_hints(struct)
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    assert sorted(schema["properties"]) == sorted(fields), path
    assert sorted(schema.get("required", [])) == sorted(
        name for name, field in fields.items() if field.required
    ), path
    for name, field in fields.items():
        child = schema["properties"][name]
        annotation = hints[field.name]
        allowed = [
            option
            for each in (annotation, *typing.get_args(annotation))
            if typing.get_origin(each) is typing.Literal
            for option in typing.get_args(each)
        ]
        assert sorted(child.get("enum", [])) == sorted(allowed), f"{path}.{name}"
        inner = struct_of(annotation)
        target = child["items"] if child["type"] == "array" else child
        assert ("properties" in target) == (inner is not None), f"{path}.{name}"
        if inner is not None:
            assert_agrees(inner, target, f"{path}.{name}")


@pytest.mark.parametrize(
    ("plural", "struct"), [("tracefoundries", TraceFoundrySpec), ("traceexports", TraceExportSpec)]
)
def test_types_and_schema_have_the_same_fields(plural: str, struct: type[msgspec.Struct]) -> None:
    """A field in only one of them would be lost, or could not be set."""
    assert_agrees(struct, root(plural)["properties"]["spec"], "spec")


MINIMAL: dict[str, dict[str, Any]] = {
    "tracefoundries": {
        "database": {"secretRef": {"name": "pg"}, "tls": {"caSecretRef": {"name": "ca"}}},
        "objectStore": {"bucket": "traces", "secretRef": {"name": "s3"}},
        "encryption": {"secretRef": {"name": "keys"}},
        "auth": {
            "adminTokenSecretRef": {"name": "admin"},
            "ingestTokenSecretRef": {"name": "ingest"},
        },
        "collector": {"tailSampling": {}, "auth": {"tokenSecretRef": {"name": "senders"}}},
        "ingest": {"autoscaling": {}},
        "ui": {"ingress": {"host": "traces.example.org"}},
        "exports": {"signingKeySecretRef": {"name": "signing"}},
    },
    "traceexports": {"instanceRef": {"name": "main"}, "query": {}},
}


@pytest.mark.parametrize(
    ("plural", "struct"), [("tracefoundries", TraceFoundrySpec), ("traceexports", TraceExportSpec)]
)
def test_types_and_schema_have_the_same_defaults(plural: str, struct: type[msgspec.Struct]) -> None:
    """A resource is read the same, whether the API server or the types set the defaults."""
    schema = root(plural)["properties"]["spec"]
    expected = msgspec.convert(MINIMAL[plural], struct)
    assert expected == msgspec.convert(filled(schema, MINIMAL[plural]), struct)
    written = msgspec.to_builtins(expected)
    assert filled(schema, MINIMAL[plural]) == without_none(written)


def without_none(value: Any) -> Any:
    """A struct as a resource, without absent fields."""
    if isinstance(value, dict):
        return {key: without_none(each) for key, each in value.items() if each is not None}
    if isinstance(value, list | tuple):
        return [without_none(each) for each in value]
    return value


@pytest.mark.parametrize("plural", ["tracefoundries", "traceexports"])
def test_every_field_is_described_and_bounded(plural: str) -> None:
    """Descriptions are what ``kubectl explain`` shows; without bounds the server refuses rules."""
    found = []
    for path, schema in nodes(root(plural)):
        if path == ".metadata":
            continue
        if "description" not in schema and not path.endswith("[]"):
            found.append(f"{path}: no description")
        if schema.get("type") == "array" and "maxItems" not in schema:
            found.append(f"{path}: no maxItems")
        if "additionalProperties" in schema and "maxProperties" not in schema:
            found.append(f"{path}: no maxProperties")
        free = schema.get("type") == "string" and "enum" not in schema
        known = path in (".apiVersion", ".kind") or schema.get("format") == "date-time"
        if free and not known and "maxLength" not in schema:
            found.append(f"{path}: no maxLength")
        if schema.get("type") == "integer" and not {"minimum", "maximum"} <= schema.keys():
            found.append(f"{path}: no bounds")
    assert [] == found


@pytest.mark.parametrize("component", COMPONENTS)
def test_all_components_have_the_same_pod_settings(component: str) -> None:
    """Written out for each of them; only the text with the default figures differs."""
    spec = root("tracefoundries")["properties"]["spec"]["properties"]

    def of(name: str) -> dict[str, Any]:
        fields = {each: dict(spec[name]["properties"][each]) for each in POD_FIELDS}
        fields["resources"].pop("description")
        return fields

    assert of("collector") == of(component)


@pytest.mark.parametrize(
    ("plural", "kind", "short"),
    [("tracefoundries", "TraceFoundry", "tf"), ("traceexports", "TraceExport", "tfx")],
)
def test_names_are_the_published_ones(plural: str, kind: str, short: str) -> None:
    """Group, kind, short name and category are part of the product's interface."""
    found = definition(plural)
    names = found["spec"]["names"]
    expected = (f"{plural}.tracefoundry.dev", kind, [short], ["tracefoundry-all"])
    assert expected == (
        found["metadata"]["name"], names["kind"], names["shortNames"], names["categories"],
    )  # fmt: skip
    assert {"status": {}} == found["spec"]["versions"][0]["subresources"]


def test_a_resource_that_does_not_match_is_refused_with_its_field() -> None:
    """It happens when the definition in the cluster is of another version."""
    body = {
        "metadata": {"name": "main", "namespace": "tracing", "uid": "u"},
        "spec": {**MINIMAL["tracefoundries"], "suspend": "yes"},
    }
    with pytest.raises(InvalidSpec, match=r"'main': Expected `bool`.*\$\.suspend"):
        read_instance(body)
