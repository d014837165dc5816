"""Settings of the operator from environment variables, which the chart sets."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from tracefoundry_operator import __version__
from tracefoundry_operator.api.instance import TraceFoundrySpec
from tracefoundry_operator.api.references import Image
from tracefoundry_operator.manifests.rendering import ContainerImage

_PREFIX = "TRACEFOUNDRY_OPERATOR_"


class SettingsError(ValueError):
    """A setting has an unusable value; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of the operator; each is ``TRACEFOUNDRY_OPERATOR_`` and its name in capitals.

    Attributes:
        image: repository of the services' image, without tag.
        collector_image: repository of the collector's image, without tag.
        tag: tag of both, unless a resource asks for another version.
        collector_tag: tag of the collector's image, by default ``tag``.
        namespace: where the operator runs.
        watch_namespaces: namespaces with resources; empty means all.
        http_port: port of ``/metrics``, ``/healthz`` and ``/readyz``.
        resync_s: seconds between two comparisons of all records with the API server.
        probe_s: seconds between two probes of ingest pods.
    """

    image: str = "tracefoundry"
    collector_image: str = "tracefoundry-collector"
    tag: str = __version__
    collector_tag: str | None = None
    namespace: str = "tracefoundry-system"
    watch_namespaces: tuple[str, ...] = ()
    http_port: int = 8080
    resync_s: float = 300.0
    probe_s: float = 15.0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read the settings.

        Raises:
            SettingsError: a value cannot be used.
        """
        given = {
            name[len(_PREFIX) :].lower(): text
            for name, text in environment.items()
            if name.startswith(_PREFIX) and text
        }
        unknown = given.keys() - cls.__slots__
        if unknown:
            names = ", ".join(sorted(_PREFIX + name.upper() for name in unknown))
            raise SettingsError(f"unknown settings: {names}")
        defaults = cls()
        return cls(
            image=given.get("image", defaults.image),
            collector_image=given.get("collector_image", defaults.collector_image),
            tag=given.get("tag", defaults.tag),
            collector_tag=given.get("collector_tag"),
            namespace=given.get("namespace", defaults.namespace),
            watch_namespaces=tuple(
                sorted({each.strip() for each in given.get("watch_namespaces", "").split(",")}
                       - {""})
            ),
            http_port=int(_number("http_port", given, defaults.http_port, least=0)),
            resync_s=_number("resync_s", given, defaults.resync_s, least=1),
            probe_s=_number("probe_s", given, defaults.probe_s, least=1),
        )  # fmt: skip

    def version(self, spec: TraceFoundrySpec) -> str:
        """The version of an instance."""
        return spec.image.tag or spec.version or self.tag

    def services_image(self, spec: TraceFoundrySpec) -> ContainerImage:
        """Image of ingest, query, UI, retention and migration."""
        return _image(spec.image, self.image, spec.version or self.tag)

    def collector(self, spec: TraceFoundrySpec) -> ContainerImage:
        """Image of the collector."""
        installed = self.collector_tag or self.tag
        return _image(spec.collector.image, self.collector_image, spec.version or installed)


def _image(image: Image, repository: str, tag: str) -> ContainerImage:
    return ContainerImage(
        reference=f"{image.repository or repository}:{image.tag or tag}",
        pull_policy=image.pull_policy,
    )


def _number(name: str, given: Mapping[str, str], default: float, *, least: float) -> float:
    text = given.get(name)
    if text is None:
        return default
    try:
        number = float(text)
    except ValueError:
        number = least - 1
    if number < least:
        raise SettingsError(f"{_PREFIX}{name.upper()}={text!r} is not a number of at least {least}")
    return number
