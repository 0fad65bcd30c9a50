"""The metrics of a service as a message: what runners and histories reply to an api that collects them."""

import msgspec


class ServiceMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """The metrics of one process.

    Attributes:
        service: `runner` or `history`.
        instance: Which one: the instance id of a runner, the host name of a history.
        pid: Distinguishes processes that share a host name.
        version: The release of the service; empty for one of an earlier release.
        text: In the text format of Prometheus.
    """

    service: str
    instance: str
    pid: int
    version: str = ""
    text: str


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(ServiceMetrics)


def encode_metrics(metrics: ServiceMetrics) -> bytes:
    """The body of a reply."""
    return _encoder.encode(metrics)


def decode_metrics(data: bytes) -> ServiceMetrics:
    """The metrics in the body of a reply.

    Raises:
        MALFORMED: It holds none; one of the errors in `errors.MALFORMED`.
    """
    return _decoder.decode(data)
