"""A served model is asked as its protocol says, again while it is busy, and with clear errors."""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from whence.core.errors import InputError, MissingDependencyError, VerificationError
from whence.core.inputs import Inputs, inputs_of
from whence.core.table import table_of
from whence.models.endpoint import Endpoint
from whence.models.predict import read_predict

rng = np.random.default_rng(0)
X = rng.normal(size=(7, 3))
MIXED = pd.DataFrame({"age": [40.0, np.nan], "job": ["clerk", None], "size": [2.0, 1.0]})

Reply = tuple[int, Any, dict[str, str]]


def always(status: int, said: object, headers: dict[str, str] | None = None) -> Any:  # noqa: ANN401
    """Return a function that answers all questions alike."""
    return lambda _: (status, said, headers or {})


def tensor(data: list[object], datatype: str = "FP32", shape: list[int] | None = None) -> object:
    """Return an answer of the second protocol."""
    said = {"name": "y", "datatype": datatype, "shape": shape or [len(data)], "data": data}
    return {"outputs": [said]}


@dataclass
class Server:
    """A server whose answers a test chooses, and which keeps the questions."""

    url: str = ""
    answer: Callable[[Any], Reply] = lambda said: (200, said, {})
    asked: list[tuple[str, Any, dict[str, str]]] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.asked.append((self.path, body, dict(self.headers)))
            status, said, headers = state.answer(body)
            content = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its name there
            """Say nothing."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.block_on_close = False  # a connection may be kept open
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.url = f"http://127.0.0.1:{http.server_port}"
    yield state
    http.shutdown()
    http.server_close()
    thread.join()


def sums(body: Any) -> Reply:  # noqa: ANN401  JSON
    """Answer with the sum of each row of one tensor, as the second protocol says."""
    (sent,) = body["inputs"]
    rows = np.array(sent["data"], dtype=float).reshape(sent["shape"])
    total = rows.reshape(len(rows), -1).sum(axis=1)
    label = {"name": "label", "datatype": "INT64", "shape": [len(rows)], "data": [0] * len(rows)}
    said = {"name": "sum", "datatype": "FP64", "shape": [len(rows), 1], "data": total.tolist()}
    return 200, {"model_name": "m", "outputs": [label, said]}, {}


def view_of(server: Server, **settings: Any) -> Any:  # noqa: ANN401  settings of an endpoint
    return read_predict(Endpoint(url=f"{server.url}/v2/models/m", timeout=2.0, **settings))


def asked(view: Any, rows: object) -> np.ndarray:  # noqa: ANN401  a view
    inputs: Inputs = inputs_of(rows)
    return np.asarray(view.ask(inputs))


def test_numbers_are_sent_as_one_tensor(server: Server) -> None:
    server.answer = sums
    view = view_of(server, headers=(("Authorization", "Bearer key"),), input_name="rows")

    assert_allclose(asked(view, X)[:, 0], X.sum(axis=1), rtol=1e-15)
    path, body, headers = server.asked[0]
    assert path == "/v2/models/m/infer"
    assert body["inputs"] == [
        {"name": "rows", "shape": [7, 3], "datatype": "FP64", "data": X.reshape(-1).tolist()}
    ]
    assert (headers["Authorization"], headers["Content-Type"]) == ("Bearer key", "application/json")


@pytest.mark.parametrize(
    ("rows", "shape", "datatype"),
    [
        (rng.integers(0, 255, size=(2, 4, 4, 3), dtype=np.uint8), [2, 4, 4, 3], "UINT8"),
        (rng.integers(0, 9, size=(2, 4)), [2, 4], "INT64"),
        (rng.random(size=(2, 4, 5)), [2, 4, 5], "FP32"),
    ],
)
def test_images_and_series_are_sent_in_their_own_form(
    server: Server, rows: np.ndarray, shape: list[int], datatype: str
) -> None:
    server.answer = sums

    said = asked(view_of(server, datatype="FP32"), rows)
    assert_allclose(said[:, 0], rows.reshape(2, -1).sum(axis=1))
    (sent,) = server.asked[0][1]["inputs"]
    assert (sent["shape"], sent["datatype"]) == (shape, datatype)


def test_a_table_with_categories_is_sent_by_column(server: Server) -> None:
    server.answer = always(200, tensor([1.0, 2.0]))

    assert_array_equal(asked(view_of(server), MIXED)[:, 0], [1, 2])
    assert server.asked[0][1]["inputs"] == [
        {"name": "age", "shape": [2, 1], "datatype": "FP64", "data": [40.0, None]},
        {"name": "job", "shape": [2, 1], "datatype": "BYTES", "data": ["clerk", None]},
        {"name": "size", "shape": [2, 1], "datatype": "FP64", "data": [2.0, 1.0]},
    ]


def test_texts_are_sent_as_texts(server: Server) -> None:
    server.answer = always(200, tensor([1, 2, 3, 4], shape=[2, 2]))

    assert_array_equal(asked(view_of(server), ["good", "schön"]), [[1, 2], [3, 4]])
    (sent,) = server.asked[0][1]["inputs"]
    assert (sent["datatype"], sent["data"]) == ("BYTES", ["good", "schön"])


def test_the_first_protocol_has_instances_and_predictions(server: Server) -> None:
    server.answer = lambda body: (200, {"predictions": [[1.0, 2.0]] * len(body["instances"])}, {})
    endpoint = Endpoint(
        url=f"{server.url}/v1/models/m", protocol="kserve-v1", outputs=("no", "yes")
    )
    view = read_predict(endpoint)

    assert_array_equal(asked(view, X), [[1, 2]] * 7)
    assert view.names_of(2) == ("no", "yes")
    asked(view, MIXED)
    asked(view, ["a", "b"])
    asked(view, MIXED[["age", "size"]])
    assert [path for path, *_ in server.asked] == ["/v1/models/m:predict"] * 4
    assert [body["instances"] for _, body, _ in server.asked] == [
        X.tolist(),
        [{"age": 40.0, "job": "clerk", "size": 2.0}, {"age": None, "job": None, "size": 1.0}],
        ["a", "b"],
        [[40.0, 2.0], [None, 1.0]],
    ]


@pytest.mark.parametrize("protocol", ["open-inference", "kserve-v1"])
def test_an_output_may_be_chosen_by_name(server: Server, protocol: Any) -> None:  # noqa: ANN401  a name
    one = {"datatype": "FP32", "shape": [7], "data": [0.0] * 7}
    outputs = [one | {"name": "a"}, one | {"name": "b", "data": [1.0] * 7}]
    server.answer = always(200, {"outputs": outputs, "predictions": [{"a": 0.0, "b": 1.0}] * 7})
    view = view_of(server, protocol=protocol, output_name="b")

    assert_array_equal(asked(view, X), np.ones((7, 1)))
    with pytest.raises(InputError, match="'c'"):
        asked(view_of(server, protocol=protocol, output_name="c"), X)


def test_rows_are_sent_in_batches(server: Server) -> None:
    server.answer = sums

    assert_allclose(asked(view_of(server, batch=3), X)[:, 0], X.sum(axis=1), rtol=1e-15)
    assert [body["inputs"][0]["shape"][0] for _, body, _ in server.asked] == [3, 3, 1]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_server_is_asked_again(server: Server, status: int) -> None:
    later = {"Retry-After": "0.02"}
    server.answer = lambda body: sums(body) if len(server.asked) > 2 else (status, "busy", later)

    assert_allclose(asked(view_of(server), X)[:, 0], X.sum(axis=1), rtol=1e-15)
    assert len(server.asked) == 3


def test_a_server_that_stays_busy_is_given_up(server: Server) -> None:
    server.answer = always(503, "x" * 999, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"})

    with pytest.raises(InputError, match=r"status 503 after 3 attempts: '\"x{199}'. Ask again"):
        asked(view_of(server, retries=2), X)
    assert len(server.asked) == 3


def test_a_server_may_not_ask_for_more_patience_than_the_user_has(server: Server) -> None:
    server.answer = lambda body: (
        sums(body) if len(server.asked) > 1 else (429, "busy", {"Retry-After": "3600"})
    )
    started = time.perf_counter()

    asked(read_predict(Endpoint(url=f"{server.url}/m", timeout=0.2)), X)
    assert time.perf_counter() - started < 2


def test_a_server_that_hangs_is_given_up_in_time(server: Server) -> None:
    release = threading.Event()

    def hang(body: object) -> Reply:
        release.wait(10)
        return 200, {}, {}

    server.answer = hang
    started = time.perf_counter()
    view = read_predict(Endpoint(url=f"{server.url}/v2/models/m", timeout=0.1, retries=1))

    with pytest.raises(InputError, match=r"no answer in 2 attempts, with up to 0.1 s.*ReadTimeout"):
        asked(view, X)
    assert time.perf_counter() - started < 2
    release.set()


def test_a_server_that_is_not_there_is_named() -> None:
    view = read_predict(Endpoint(url="http://127.0.0.1:9/v2/models/m", retries=0))

    with pytest.raises(InputError, match=r"http://127.0.0.1:9/v2/models/m/infer gave no answer"):
        asked(view, X)


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ((400, {"error": "unknown input"}, {}), "status 400: .*unknown input.*Check url"),
        ((500, {"error": "inside"}, {}), "status 500: .*inside"),
        ((307, "", {"Location": "http://elsewhere"}), "status 307"),
        ((200, b"<html>", {}), "answered with '<html>', which is not what the protocol"),
        ((200, [1, 2], {}), "which is not what the protocol 'open-inference' says"),
        ((200, {"outputs": []}, {}), "is not what the protocol"),
        ((200, {"predictions": [1.0] * 7}, {}), "KeyError: 'outputs'"),
        ((200, tensor([1.0], shape=[7]), {}), "is not what the protocol"),
        ((200, tensor([1.0]), {}), r"asked about 7 rows and answered with shape \(1,\)"),
        ((200, tensor(["a"] * 7, "BYTES"), {}), "answered with text, such as 'a'"),
        ((200, tensor([None] * 7), {}), "answered nan for row 0 of 7"),
    ],
)
def test_answers_of_no_use_are_refused_at_once(server: Server, reply: Reply, message: str) -> None:
    server.answer = always(*reply)

    with pytest.raises(InputError, match=message):
        asked(view_of(server), X)
    assert len(server.asked) == 1


def test_other_outputs_than_named_are_refused(server: Server) -> None:
    server.answer = sums

    with pytest.raises(VerificationError, match="has 1 outputs and had 2"):
        asked(view_of(server, outputs=("no", "yes")), X)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"url": "localhost:8080"}, "url is 'localhost:8080'.*begins with http"),
        ({"url": "http://h", "protocol": "grpc"}, "protocol is 'grpc'. Give one of"),
        ({"url": "http://h", "timeout": 0.0}, "timeout is 0.0"),
        ({"url": "http://h", "retries": -1}, "retries -1"),
        ({"url": "http://h", "batch": 0}, "batch 0"),
    ],
)
def test_settings_are_checked(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Endpoint(**settings)


def test_a_key_is_never_shown() -> None:
    assert "secret" not in repr(Endpoint(url="http://h", headers=(("Authorization", "secret"),)))


def test_without_httpx_the_remedy_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)

    with pytest.raises(MissingDependencyError, match=r"Endpoint needs httpx.*whence\[http\]"):
        read_predict(Endpoint(url="http://h"))


def test_many_threads_may_ask(server: Server) -> None:
    server.answer = sums
    view, table = view_of(server), table_of(X)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(view.ask, [table] * 20))
    for answer in answers:
        assert_allclose(answer[:, 0], X.sum(axis=1), rtol=1e-15)
    assert len(server.asked) == 20
