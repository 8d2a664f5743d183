"""Sessions of ONNX Runtime are asked with what they declare, and for what is of use."""

import numpy as np
import onnxruntime as ort
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from onnx import TensorProto, helper, numpy_helper

from whence.core.errors import InputError
from whence.core.inputs import Inputs, images_of, inputs_of, series_of, texts_of
from whence.core.table import table_of
from whence.models.predict import read_predict

FLOAT, DOUBLE, TEXT = TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.STRING
INT64, UINT8 = TensorProto.INT64, TensorProto.UINT8
rng = np.random.default_rng(0)
X = rng.normal(size=(20, 3))
WEIGHTS = rng.normal(size=(3, 3))


def session(
    nodes: list[object],
    inputs: dict[str, tuple[int, list[object]]],
    outputs: dict[str, tuple[int, list[object]] | None],
    weights: dict[str, np.ndarray] | None = None,
) -> ort.InferenceSession:
    """Build a session of nodes; an output without a type is a sequence of maps."""
    maps = helper.make_sequence_type_proto(
        helper.make_map_type_proto(INT64, helper.make_tensor_type_proto(FLOAT, None))
    )
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(name, *kind) for name, kind in inputs.items()],
        [
            helper.make_value_info(name, maps)
            if kind is None
            else helper.make_tensor_value_info(name, *kind)
            for name, kind in outputs.items()
        ],
        [numpy_helper.from_array(array, name) for name, array in (weights or {}).items()],
    )
    versions = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=versions, ir_version=8)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(model.SerializeToString(), options)


def classifier(classes: int, *, kind: int = FLOAT, zipped: bool = False) -> ort.InferenceSession:
    """Return a softmax of a linear function, its label, and its probabilities."""
    dtype = np.float32 if kind == FLOAT else np.float64
    nodes = [
        helper.make_node("MatMul", ["X", "W"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["probabilities"], axis=1),
        helper.make_node("ArgMax", ["scores"], ["label"], axis=1, keepdims=0),
    ]
    outputs: dict[str, tuple[int, list[object]] | None] = {
        "label": (INT64, ["n"]),
        "probabilities": (kind, ["n", classes]),
    }
    if zipped:
        names = {"classlabels_int64s": [10 + i for i in range(classes)], "domain": "ai.onnx.ml"}
        nodes.append(helper.make_node("ZipMap", ["probabilities"], ["zipped"], **names))
        outputs = {"label": (INT64, ["n"]), "zipped": None}
    weights = {"W": WEIGHTS[:, :classes].astype(dtype)}
    return session(nodes, {"X": (kind, ["n", 3])}, outputs, weights)


def softmax(classes: int) -> np.ndarray:
    scores = np.exp(X @ WEIGHTS[:, :classes])
    return scores / scores.sum(axis=1, keepdims=True)


def asked(model: object, rows: object) -> np.ndarray:
    inputs: Inputs = inputs_of(rows)
    return read_predict(model).ask(inputs)


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("rows", [X, pd.DataFrame(X, columns=list("abc")), X.astype(np.float32)])
def test_a_classifier_is_asked_for_its_probabilities(rows: object, zipped: bool) -> None:
    three, two = classifier(3, zipped=zipped), classifier(2, zipped=zipped)

    assert_allclose(asked(three, rows), softmax(3), rtol=1e-4, atol=1e-6)
    assert_allclose(asked(two, rows), softmax(2)[:, 1:], rtol=1e-4, atol=1e-6)
    view = read_predict(two)
    assert (view.unit, view.library, view.named) == ("probability", "onnxruntime", False)
    assert view.features == ("x0", "x1", "x2")


def test_numbers_are_given_in_the_type_that_the_session_declares() -> None:
    assert_allclose(asked(classifier(3, kind=DOUBLE), X), softmax(3), rtol=1e-12)


def test_a_regression_keeps_both_of_two_outputs() -> None:
    node = helper.make_node("MatMul", ["X", "W"], ["y"])
    weights = {"W": WEIGHTS[:, :2].astype(np.float64)}
    model = session([node], {"X": (DOUBLE, ["n", 3])}, {"y": (DOUBLE, ["n", 2])}, weights)

    assert_allclose(asked(model, X), X @ WEIGHTS[:, :2])
    assert read_predict(model).unit == "prediction"


def by_column() -> ort.InferenceSession:
    """Return a session with a column of text: age times two if the job is a clerk's, else age."""
    nodes = [
        helper.make_node(
            "LabelEncoder", ["job"], ["factor"], domain="ai.onnx.ml",
            keys_strings=["clerk"], values_floats=[2.0], default_float=1.0,
        ),
        helper.make_node("Mul", ["age", "factor"], ["y"]),
    ]  # fmt: skip
    columns = {"age": (FLOAT, ["n", 1]), "job": (TEXT, ["n", 1])}
    return session(nodes, columns, {"y": (FLOAT, ["n", 1])})


def test_a_session_with_an_input_per_column_is_fed_by_name() -> None:
    frame = pd.DataFrame({"age": [40.0, 20.0, 30.0], "job": ["clerk", "smith", "clerk"]})
    view = read_predict(by_column())

    for form in (frame, frame.astype({"job": "category"}), frame[["job", "age"]]):
        assert_array_equal(view.ask(table_of(form))[:, 0], [80, 20, 60])
    assert_array_equal(view.ask(table_of(frame.to_numpy(dtype=object)))[:, 0], [80, 20, 60])
    assert (view.features, view.named) == (("age", "job"), True)
    with pytest.raises(InputError, match="lacks 'job'"):
        view.check(table_of(frame[["age"]]))
    with pytest.raises(InputError, match="X holds series and the model"):
        view.check(series_of(X))


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"age": ["x"], "job": ["clerk"]}), "'age' holds categories.*reads numbers"),
        (pd.DataFrame({"age": [1.0], "job": [1.0]}), "'job' holds numbers.*reads text"),
        (pd.DataFrame({"age": [1.0, 2.0], "job": ["a", None]}), "'job' holds missing cells"),
        (pd.DataFrame({"age": [1.0]}), r"X holds columns 'age' and .* reads 'age', 'job'"),
        (pd.DataFrame({"age": [1.0], "work": ["a"]}), r"X holds columns 'age', 'work'"),
    ],
)
def test_columns_of_another_kind_are_refused(frame: pd.DataFrame, message: str) -> None:
    with pytest.raises(InputError, match=message):
        asked(by_column(), frame)


def mean_of(kind: int, shape: list[object]) -> ort.InferenceSession:
    nodes = [
        helper.make_node("Cast", ["x"], ["numbers"], to=FLOAT),
        helper.make_node("Flatten", ["numbers"], ["flat"], axis=1),
        helper.make_node("ReduceMean", ["flat"], ["y"], axes=[1], keepdims=0),
    ]
    return session(nodes, {"x": (kind, shape)}, {"y": (FLOAT, ["n"])})


@pytest.mark.parametrize("kind", [FLOAT, UINT8])
def test_images_and_series_are_one_input_in_their_own_form(kind: int) -> None:
    pixels = rng.integers(0, 255, size=(5, 3, 8, 8), dtype=np.uint8)
    values = rng.normal(size=(5, 9))
    means = pixels.reshape(5, -1).mean(axis=1)

    model = mean_of(kind, ["n", 3, 8, 8])
    assert_allclose(asked(model, pixels)[:, 0], means, rtol=1e-5)
    assert_allclose(asked(model, pixels.astype(float))[:, 0], means, rtol=1e-5)
    said = read_predict(mean_of(FLOAT, ["n", 9])).ask(series_of(values))
    assert_allclose(said[:, 0], values.mean(axis=1), rtol=1e-4, atol=1e-6)


def test_fractions_are_not_cut_off_for_a_session_of_whole_numbers() -> None:
    with pytest.raises(
        InputError, match=r"X holds 0\.5 and .* reads tensor\(uint8\), whole numbers"
    ):
        asked(mean_of(UINT8, ["n", 3]), np.array([[1.0, 0.5, 2.0]]))


@pytest.mark.parametrize("size", [1, 8])
def test_a_session_of_a_fixed_number_of_rows_is_asked_with_that_many(size: int) -> None:
    pixels = rng.random(size=(11, 3, 4, 4)).astype(np.float32)
    view = read_predict(mean_of(FLOAT, [size, 3, 4, 4]))

    said = view.ask(images_of(pixels))
    assert_allclose(said[:, 0], pixels.reshape(11, -1).mean(axis=1), rtol=1e-5)


@pytest.mark.parametrize("shape", [["n"], ["n", 1]])
def test_texts_are_one_input(shape: list[object]) -> None:
    encode = helper.make_node(
        "LabelEncoder", ["text"], ["y"], domain="ai.onnx.ml",
        keys_strings=["good", "bad"], values_floats=[1.0, -1.0], default_float=0.0,
    )  # fmt: skip
    model = session([encode], {"text": (TEXT, shape)}, {"y": (FLOAT, shape)})

    assert_array_equal(asked(model, ["bad", "good", "so so"])[:, 0], [-1, 1, 0])
    with pytest.raises(InputError, match="reads texts and X holds none"):
        read_predict(model).ask(series_of(X))


def test_an_answer_of_text_is_refused() -> None:
    node = helper.make_node("Identity", ["text"], ["y"])
    model = session([node], {"text": (TEXT, ["n"])}, {"y": (TEXT, ["n"])})

    with pytest.raises(InputError, match="answered with text, such as 'bad'"):
        asked(model, ["bad", "good"])
    with pytest.raises(InputError, match=r"X holds texts and The model .* reads numbers"):
        read_predict(classifier(2)).ask(texts_of(["a"]))
