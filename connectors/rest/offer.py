"""Settings → what the connection offers: the streams and resources the partner declared. Pure."""

from __future__ import annotations

from connectors.rest.settings import ResourceSpec, Settings, StreamSpec
from connectors.sdk.manifest import Limits, Manifest, Resource, Stream

#: Of a list whose rhythm nobody named, seconds.
POLL_EVERY = 60.0


def offer(general: Manifest, settings: Settings) -> Manifest:
    return Manifest(
        name=general.name,
        title=general.title,
        category=general.category,
        summary=general.summary,
        limits=Limits(concurrency=settings.concurrency),
        fields=general.fields,
        streams=[_stream(spec) for spec in settings.streams],
        resources=[_resource(spec) for spec in settings.resources],
        folder=general.folder,
    )


def _stream(spec: StreamSpec) -> Stream:
    return Stream(
        name=spec.name,
        produces=list(spec.produces),
        label=spec.label,
        poll_every=(spec.poll_every or POLL_EVERY) if spec.address else 0,
        push=spec.push is not None,
    )


def _resource(spec: ResourceSpec) -> Resource:
    return Resource(
        name=spec.name,
        entity=spec.entity,
        label=spec.label,
        writes=spec.writes,
        proof=spec.proof,
        binds=spec.binds,
        batch=1 if spec.batch is None else spec.batch.size,
        deletes=spec.delete is not None,
        lookup_settles_after=spec.settles,
        deadline=spec.deadline,
    )
