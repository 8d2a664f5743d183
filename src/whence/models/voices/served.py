"""A model behind HTTP: sent to, waited for, and asked again while its server is busy."""

import json
import time
from typing import Any, TypeAlias
from weakref import finalize

from whence.core.errors import InputError, MissingDependencyError
from whence.core.inputs import Inputs
from whence.models.endpoint import Endpoint
from whence.models.predict import Predict
from whence.models.voices.payload import Form, v1, v2

Client: TypeAlias = Any
"""A client of httpx."""

_LATER = (429, 502, 503, 504)
"""States of a server that may be another in a moment."""
_OK = 200
_FIRST_PAUSE = 0.1
"""Seconds before the second attempt; twice as long before each further one."""
_LONGEST_PAUSE = 10.0
_SHOWN = 200
"""Characters of an answer that messages show."""
_FORMS: dict[str, Form] = {"open-inference": v2, "kserve-v1": v1}


def is_endpoint(model: object) -> bool:
    """Tell whether a model is served over HTTP."""
    return isinstance(model, Endpoint)


def served(endpoint: Endpoint) -> Predict:
    """Return the view of an endpoint.

    Raises
    ------
    MissingDependencyError
        If httpx is not installed.
    """
    return Predict(
        say=_Served(endpoint),
        name=f"The endpoint {endpoint.address}",
        outputs=endpoint.outputs,
        batch=endpoint.batch,
    )


class _Served:
    """Asks an endpoint, over connections that are kept open as long as this object lives."""

    def __init__(self, endpoint: Endpoint) -> None:
        try:
            import httpx
        except ImportError as error:
            raise MissingDependencyError.of("Endpoint", "httpx", "http") from error
        self._endpoint = endpoint
        self._troubles = (httpx.TransportError,)
        self._client: Client = httpx.Client(
            timeout=endpoint.timeout, headers=[*endpoint.headers, ("Accept", "application/json")]
        )
        finalize(self, self._client.close)

    def __call__(self, inputs: Inputs) -> object:
        """Return what the server answers about rows."""
        form = _FORMS[self._endpoint.protocol]
        content = json.dumps(form.question(inputs, self._endpoint), allow_nan=False)
        said = self._sent(content.encode())
        try:
            return form.answer(json.loads(said), self._endpoint.output_name)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            if isinstance(error, InputError):
                raise
            raise self._error(
                f"answered with {said[:_SHOWN]!r}, which is not what the protocol "
                f"{self._endpoint.protocol!r} says ({type(error).__name__}: {error}). Check url "
                "and protocol."
            ) from error

    def _sent(self, content: bytes) -> str:
        """Send a question until there is an answer."""
        attempt = 0
        while True:
            last = attempt == self._endpoint.retries
            pause = min(_FIRST_PAUSE * 2**attempt, _LONGEST_PAUSE)
            try:
                answer = self._client.post(
                    self._endpoint.address,
                    content=content,
                    headers={"Content-Type": "application/json"},
                )
            except self._troubles as error:
                if last:
                    raise self._unreached(error) from error
            else:
                if answer.status_code == _OK:
                    return str(answer.text)
                if last or answer.status_code not in _LATER:
                    raise self._refused(answer)
                pause = min(_asked_pause(answer, pause), self._endpoint.timeout)
            time.sleep(pause)
            attempt += 1

    def _unreached(self, error: Exception) -> InputError:
        return self._error(
            f"gave no answer in {self._endpoint.retries + 1} attempts, with up to "
            f"{self._endpoint.timeout:g} s for each: {type(error).__name__}: {error}. Check that "
            "the server runs and url is right, or give a longer timeout or a smaller batch."
        )

    def _refused(self, answer: Any) -> InputError:  # noqa: ANN401  a response of httpx
        busy = answer.status_code in _LATER
        after = f" after {self._endpoint.retries + 1} attempts" if busy else ""
        advice = (
            "Ask again later, with more retries or a smaller batch."
            if busy
            else "Check url, protocol, headers, and that the model reads such rows."
        )
        return self._error(
            f"answered with status {answer.status_code}{after}: {answer.text[:_SHOWN]!r}. {advice}"
        )

    def _error(self, what: str) -> InputError:
        return InputError(f"The endpoint {self._endpoint.address} {what}")


def _asked_pause(answer: Any, otherwise: float) -> float:  # noqa: ANN401  a response of httpx
    """Return the seconds that a server asks to wait, where it asks for any."""
    try:
        return max(0.0, float(answer.headers.get("Retry-After", otherwise)))
    except ValueError:  # a date, which needs no better guess than our own
        return otherwise
