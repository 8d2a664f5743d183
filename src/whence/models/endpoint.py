"""A model behind HTTP, asked by the Open Inference Protocol or by KServe's first protocol."""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from whence.core.errors import InputError

Protocol: TypeAlias = Literal["open-inference", "kserve-v1"]

_PATHS = {"open-inference": "/infer", "kserve-v1": ":predict"}


_PAIR = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A model that is served over HTTP, for methods that only ask for predictions.

    A table of numbers, images and series are sent as one tensor, a table with categories as one
    tensor (or, by "kserve-v1", one value) per column, and texts as texts. Missing cells are sent
    as ``null``.

    Attributes
    ----------
    url : str
        The model, such as "http://host/v2/models/credit" or "http://host/v1/models/credit".
    protocol : {"open-inference", "kserve-v1"}
        The Open Inference Protocol, which KServe, Triton, MLServer and OpenVINO speak, or the first
        protocol of KServe and TensorFlow Serving.
    timeout : float
        Seconds to wait for a connection, and for each answer.
    retries : int
        How often a question is repeated, with pauses that double, when there is no connection or
        answer, or the server is busy (status 429, 502, 503 or 504).
    headers : tuple of (str, str)
        Sent with each question, such as ``(("Authorization", "Bearer ..."),)``; never shown.
    input_name : str
        What the server calls its one input; columns bear their own names. Not read by "kserve-v1".
    output_name : str or None
        Which of the server's outputs is explained; None takes the first of numbers.
    outputs : tuple of str
        Names of the numbers in an answer; none leaves them to their count.
    batch : int
        Rows of one question at most.
    datatype : {"FP64", "FP32"}
        What a tensor of floating numbers says it is. Not read by "kserve-v1".

    Examples
    --------
    >>> endpoint = Endpoint(url="http://localhost:8080/v2/models/credit", timeout=2.0)
    >>> endpoint.address
    'http://localhost:8080/v2/models/credit/infer'
    """

    url: str
    protocol: Protocol = "open-inference"
    timeout: float = 10.0
    retries: int = 3
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    input_name: str = "input-0"
    output_name: str | None = None
    outputs: tuple[str, ...] = ()
    batch: int = 1_024
    datatype: Literal["FP64", "FP32"] = "FP64"

    def __post_init__(self) -> None:
        """Check the settings."""
        if not self.url.startswith(("http://", "https://")):
            raise InputError(
                f"url is {self.url!r}. The address of a model is needed, which begins with http:// "
                "or https://, such as http://localhost:8080/v2/models/credit."
            )
        pairs = [h for h in self.headers if isinstance(h, tuple) and len(h) == _PAIR]
        if not isinstance(self.headers, tuple) or len(pairs) < len(self.headers):
            raise InputError(
                f"headers is a {type(self.headers).__name__}. Pairs are needed: "
                '(("Authorization", "Bearer ..."),).'
            )
        if self.protocol not in get_args(Protocol):
            raise InputError(f"protocol is {self.protocol!r}. Give one of {get_args(Protocol)}.")
        if not self.timeout > 0 or self.retries < 0 or self.batch < 1:
            raise InputError(
                f"timeout is {self.timeout}, retries {self.retries} and batch {self.batch}. "
                "A positive time, a number from 0 and a number from 1 are needed."
            )

    @property
    def address(self) -> str:
        """Where questions are sent."""
        path = _PATHS[self.protocol]
        return self.url if self.url.endswith(path) else self.url.rstrip("/") + path
