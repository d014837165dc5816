"""The OpenAPI document is complete and true: every part of it is described, a TypeScript client
generated from it works, and schemathesis finds no answer that it does not describe."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from node_packages import installed, run_node
from platform_process import clean_environment, run_command
from server.limited_platform import limited

CLIENT = Path(__file__).parent / "typescript_client"
STATUSES_OF_ANY_ROUTE = {"400", "401", "403", "500", "503"}
METHODS = {"get", "post", "patch", "delete", "put"}


@dataclass(frozen=True, slots=True)
class Served:
    """A running platform and its admin's token."""

    url: str
    token: str
    document: dict[str, Any]

    def operations(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every operation of the API proper, with its name."""
        for path, methods in self.document["paths"].items():
            for method, operation in methods.items():
                if method in METHODS:
                    yield f"{method.upper()} {path}", operation


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A platform on SQLite that asks for tokens, with the demo's traces in it.

    Failed logins are answered at once: a hundred of the generated requests are such, and the
    product answers each of them a second late.
    """
    folder = tmp_path_factory.mktemp("openapi")
    with limited(folder, tokens=True, hasty=True) as started:
        tokens = {role: started.new_token(role, role) for role in ("admin", "ingest")}
        sent = run_command(
            "demo", "--traces", "5", "--url", started.api,
            environment={"TRACEFOUNDRY_TOKEN": tokens["ingest"]},
        )  # fmt: skip
        assert sent.returncode == 0, sent.stderr
        document = httpx.get(f"{started.api}/openapi.json").json()
        yield Served(started.api, tokens["admin"], document)


def test_every_operation_has_a_name_a_summary_and_a_tag(served: Served) -> None:
    """Names are unique: clients make functions of them."""
    operations = list(served.operations())
    names = [operation.get("operationId") for _, operation in operations]
    assert len(set(names)) == len(names)
    assert [] == [
        where
        for where, operation in operations
        if not all(operation.get(key) for key in ("operationId", "summary", "tags"))
    ]


def test_every_parameter_is_described_with_an_example_or_its_choices(served: Served) -> None:
    """With its unit in the description, and its default where it has one."""
    bare = []
    for where, operation in served.operations():
        for parameter in operation.get("parameters", ()):
            schema = parameter["schema"]
            choices = [schema, *schema.get("anyOf", ())]
            shown = any(
                choice.get(key) is not None
                for choice in choices
                for key in ("examples", "enum", "default", "example")
            ) or parameter.get("examples")
            described = bool(parameter.get("description"))
            if not described or not (shown or parameter["name"] == "cursor"):
                bare.append((where, parameter["name"]))
    assert [] == bare


def test_every_answer_and_error_is_modelled(served: Served) -> None:
    """Under /api every operation has the errors that any route may answer with."""
    incomplete = []
    for where, operation in served.operations():
        responses = operation["responses"]
        if " /api/" in where and not responses.keys() >= STATUSES_OF_ANY_ROUTE:
            incomplete.append((where, "errors"))
        if "HTTPValidationError" in str(responses.get("422")):
            incomplete.append((where, "a wrong request is 400"))
        for status, response in responses.items():
            schemas = [content.get("schema") for content in response.get("content", {}).values()]
            if status != "304" and not (schemas and all(schemas)):
                incomplete.append((where, status))
    assert [] == incomplete


def test_every_route_of_the_api_wants_a_bearer_token_and_names_its_roles(served: Served) -> None:
    """And the others want none."""
    assert "bearer" in served.document["components"]["securitySchemes"]
    wrong = [
        where
        for where, operation in served.operations()
        if bool(operation["security"] and operation["security"][0]["bearer"]) != (" /api/" in where)
    ]
    assert [] == wrong


def test_a_generated_typescript_client_compiles_and_works(served: Served, tmp_path: Path) -> None:
    """Strictly typed, and what it is told is what the server answers."""
    packages = installed(CLIENT)
    (tmp_path / "node_modules").symlink_to(packages / "node_modules")
    for name in ("client.ts", "tsconfig.json", "package.json"):
        shutil.copy(CLIENT / name, tmp_path / name)
    (tmp_path / "openapi.json").write_text(json.dumps(served.document))
    run_node(
        "node_modules/openapi-typescript/bin/cli.js", "openapi.json", "-o", "schema.d.ts",
        folder=tmp_path,
    )  # fmt: skip
    run_node("node_modules/typescript/bin/tsc", "-p", ".", folder=tmp_path)
    found = json.loads(run_node("client.ts", served.url, served.token, folder=tmp_path))
    assert (found["traces"], found["duration"], found["role"], found["absent"]) == (
        6,  # five, and one that is still running
        True,
        "admin",
        "trace_not_found",
    )
    assert len(found["spans"]) > 1
    assert len(found["roots"]) == 1


CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
)


def test_the_server_answers_nothing_that_the_document_does_not_describe(
    served: Served, tmp_path: Path
) -> None:
    """Generated requests, right and wrong ones, to every operation (schemathesis).

    One worker: the threads of several (4.32) can break each other's generation of cases.
    """
    (tmp_path / "openapi.json").write_text(json.dumps(served.document))
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")), "run", "openapi.json",
            "--url", served.url, "--header", f"Authorization: Bearer {served.token}",
            "--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing",
            "--max-examples", "15", "--seed", "1", "--workers", "1", "--no-color",
        ],
        cwd=tmp_path, env=clean_environment(), capture_output=True, text=True, timeout=500,
        check=False,
    )  # fmt: skip
    assert (0, "") == (done.returncode, done.stderr), done.stdout[-6000:]
    tested = re.search(r"Tested: *(\d+)", done.stdout)
    assert tested is not None, done.stdout
    assert int(tested[1]) == len(list(served.operations()))
