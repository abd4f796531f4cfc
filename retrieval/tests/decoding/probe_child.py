"""A decoding process that also runs probes: functions of the tests, by name."""

from __future__ import annotations

from retrieval.decoding import child
from retrieval.decoding.limits import DecodingLimits
from retrieval.decoding.messages import Message
from retrieval.tests.decoding import confinement_probes, decoding_probes

PROBES = {**vars(decoding_probes), **vars(confinement_probes)}


def run_probe(request: Message, _limits: DecodingLimits) -> Message:
    result = PROBES[request.fields["probe"]](*request.fields["arguments"])
    return result if isinstance(result, Message) else Message({"result": result})


def serve(descriptor: int) -> None:
    confinement_probes.DESCRIPTOR = descriptor
    child.serve(descriptor, {**child.FUNCTIONS, "probe": run_probe})
