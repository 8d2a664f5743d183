"""Draw the picture of the README: what drives a model of the breast-cancer data, and one row."""

from pathlib import Path

from matplotlib.figure import Figure
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import train_test_split

import whence as wh


def main() -> None:
    """Write ``docs/images/readme.png``."""
    data = load_breast_cancer(as_frame=True)
    diagnosis = data.target.map({0: "malignant", 1: "benign"})
    X, X_test, y, _ = train_test_split(data.data, diagnosis, test_size=0.4, random_state=0)
    model = HistGradientBoostingClassifier(max_iter=80, max_leaf_nodes=12, random_state=0)
    e = wh.explain(model.fit(X, y), X_test, wh.TreeShap(background=X))
    figure = Figure(figsize=(15, 5.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    wh.plots.beeswarm(e, max_features=10, ax=left)
    wh.plots.waterfall(e[7], max_features=8, ax=right)
    figure.savefig(Path(__file__).parent / "images" / "readme.png", dpi=110)


if __name__ == "__main__":
    main()
