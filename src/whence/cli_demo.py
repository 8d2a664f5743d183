"""The work behind ``whence demo``."""

from importlib import import_module
from pathlib import Path

from whence.api import bind
from whence.cli_run import Bound, Done, Job, Step, folder, write
from whence.core.errors import MissingDependencyError
from whence.explainers.tree_shap import TreeShap


def demo(out: Path, step: Step, *, force: bool) -> Done:
    """Train a model on breast-cancer data and explain the rows it was not trained on."""
    try:
        datasets, ensemble, selection = (
            import_module(f"sklearn.{name}") for name in ("datasets", "ensemble", "model_selection")
        )
    except ImportError as error:
        raise MissingDependencyError.of("The demo", "scikit-learn", "cli") from error
    with folder(out, force=force) as draft:
        step("Training a model", None)
        data = datasets.load_breast_cancer(as_frame=True)
        diagnosis = data.target.map(dict(enumerate(data.target_names))).rename("diagnosis")
        X_train, X, y_train, y = selection.train_test_split(
            data.data, diagnosis, test_size=0.4, random_state=0, stratify=diagnosis
        )
        model = ensemble.HistGradientBoostingClassifier(
            max_iter=80, learning_rate=0.1, max_leaf_nodes=12, random_state=0
        ).fit(X_train, y_train)
        explainer = bind(model, TreeShap(background=X_train))
        job = Job(model=Path("demo"), data=Path("demo"), out=out, target="diagnosis", n_jobs=1)
        bound = Bound(model=model, explainer=explainer, background=X_train)
        title = "Breast tumors: a demonstration"
        return write(bound, X, y, draft, step, title=title, job=job)
