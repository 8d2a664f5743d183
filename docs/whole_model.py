"""Effects, importance, rules, counterfactuals and glass boxes; pictures go to ``out/whole_model``.

The data are found through ``WHENCE_DATA``. Run all parts, or some by name::

    python docs/whole_model.py [bikes] [housing] [income] [churn] [titanic]
"""

import os
import sys
from pathlib import Path

import pandas as pd
from interpret.glassbox import ExplainableBoostingClassifier
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier, XGBRegressor

import whence as wh

DATA = Path(os.environ.get("WHENCE_DATA", "data"))
OUT = Path("out/whole_model")


def keep(picture: object, name: str) -> None:
    """Write a picture and say where."""
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / f"{name}.png"
    picture.figure.savefig(path, dpi=110, bbox_inches="tight")
    print("wrote", path)


def bikes() -> None:
    """Ask where the average hides subgroups: how the hour moves the demand for bicycles."""
    table = pd.read_csv(DATA / "bike_sharing/hour.csv.gz")
    columns = ["hr", "workingday", "temp", "hum", "windspeed", "season", "weathersit", "yr"]
    X, y = table[columns], table["cnt"]
    train, test, y_train, y_test = train_test_split(X, y, random_state=0)
    model = XGBRegressor(n_estimators=200, max_depth=6, n_jobs=1).fit(train, y_train)

    e = wh.explain(model, test, wh.PermutationImportance(), y=y_test, rng=0)
    print(e)
    keep(wh.plot(e), "bikes_importance")
    effects = wh.explain(model, test, wh.PartialDependence(), rng=0)
    print(effects)
    keep(wh.plot(effects), "bikes_effects")
    keep(wh.plots.effect(effects, "hr"), "bikes_hour")
    parts = wh.explain(model, test, wh.RegionalEffects(features=("hr", "temp")), rng=0)
    print(parts)
    keep(wh.plots.effect(parts, "hr"), "bikes_hour_regions")
    pair = wh.explain(model, test, wh.PartialDependence(features=(("hr", "temp"),)), rng=0)
    keep(wh.plot(pair), "bikes_hour_temp")
    h = wh.explain(model, test, wh.HStatistic(), rng=0)
    print(h)
    keep(wh.plot(h), "bikes_interactions")


def housing() -> None:
    """Compare partial dependence and accumulated local effects where columns hang together."""
    table = pd.read_csv(DATA / "california_housing/california_housing_sklearn.csv.gz")
    y = table.pop(table.columns[-1])
    train, test, y_train, y_test = train_test_split(table, y, random_state=0)
    model = make_pipeline(
        StandardScaler(), MLPRegressor(hidden_layer_sizes=(64,), random_state=0, max_iter=60)
    )
    model.fit(train, y_train)

    ale = wh.explain(model, test, wh.AccumulatedLocalEffects(), rng=0)
    print(ale)
    keep(wh.plot(ale), "housing_ale")
    two = (("Latitude", "Longitude"),)
    keep(wh.plot(wh.explain(model, test, wh.AccumulatedLocalEffects(features=two), rng=0)),
         "housing_ale_place")  # fmt: skip
    apart = wh.PermutationImportance(conditional=True)
    for method in (wh.PermutationImportance(), apart):
        print(wh.explain(model, test, method, y=y_test, rng=0))
    surface = wh.explain(model, test, wh.DecisionSurface(features=("Latitude", "Longitude")), rng=0)
    keep(wh.plots.decision_surface(surface), "housing_surface")
    tree = wh.explain(model, train, wh.SurrogateTree(), rng=0)
    print(tree)
    keep(wh.plot(tree), "housing_surrogate")
    forest = HistGradientBoostingRegressor(random_state=0).fit(train, y_train)
    keep(wh.plot(wh.explain(forest, test, wh.PartialDependence(), rng=0)), "housing_effects")


def _census() -> tuple[pd.DataFrame, pd.Series, pd.DataFrame, pd.Series]:
    parts = []
    for name in ("train", "test"):
        table = pd.read_csv(DATA / f"adult/adult_{name}.csv.gz").drop(columns=["fnlwgt"])
        table = table.dropna().drop(columns=["education"])
        parts += [table.drop(columns="income"), table["income"]]
    return tuple(parts)


def income() -> None:
    """Give a person the conditions of a decision, and what would have changed it."""
    train, y_train, test, _ = _census()
    words = train.select_dtypes(exclude="number").columns
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), words), remainder="passthrough"
    )
    model = make_pipeline(encode, RandomForestClassifier(100, min_samples_leaf=5, random_state=0))
    model.fit(train, y_train)
    rules = wh.explain(model, test[:20], wh.Anchors(background=train), rng=0)
    print(rules)
    print(wh.narrate(rules[0]))
    keep(wh.plot(rules[:8]), "income_anchors")

    booster = make_pipeline(encode, XGBClassifier(n_estimators=100, max_depth=5, n_jobs=1))
    booster.fit(train, (y_train == ">50K").astype(int))
    limits = wh.Constraints(immutable=("age", "sex", "race"), increase=("education-num",))
    poor = test[booster.predict(test) == 0][:10]
    ways = wh.Counterfactuals(background=train[:5000], target=1, constraints=limits, count=3)
    changes = wh.explain(booster, poor, ways, rng=0)
    print(changes)
    print(wh.narrate(changes[0], audience="customer"))
    keep(wh.plot(changes[0]), "income_counterfactuals")
    print(changes[:2].to_frame())


def _churn() -> tuple[pd.DataFrame, pd.Series]:
    table = pd.read_csv(DATA / "telco_churn/Telco-Customer-Churn.csv.gz").drop(columns="customerID")
    table["TotalCharges"] = pd.to_numeric(table["TotalCharges"], errors="coerce")
    return table.drop(columns="Churn"), (table["Churn"] == "Yes").astype(int)


def churn() -> None:
    """Read models that explain themselves, and ask what they cost in accuracy."""
    X, y = _churn()
    train, test, y_train, _ = train_test_split(X, y, random_state=0)
    ladder = wh.tradeoff(train[:1500], y_train[:1500], seconds=20, rng=0)
    print(ladder.to_frame())
    keep(wh.plots.tradeoff(ladder), "churn_tradeoff")
    ebm = ExplainableBoostingClassifier(outer_bags=4, n_jobs=1, random_state=0)
    ebm.fit(train, y_train)
    terms = wh.explain(ebm, test[:50], wh.Terms(), rng=0)
    print(terms[0])
    keep(wh.plot(terms[0]), "churn_terms")
    keep(wh.plot(wh.explain(ebm, test, wh.TermEffects(), rng=0)), "churn_effects")
    tree = wh.explain(ebm, train, wh.SurrogateTree(max_leaves=8), rng=0)
    print(tree)
    keep(wh.plot(tree), "churn_surrogate")
    listed = wh.explain(ebm, train, wh.RuleList(), rng=0)
    print(listed)
    keep(wh.plot(listed), "churn_rules")
    near = wh.explain(ebm, test[:3], wh.NearestExamples(background=train, count=3), rng=0)
    print(near)


def titanic() -> None:
    """Draw a tree, the path of one passenger, and the typical ones."""
    table = pd.read_csv(DATA / "titanic/titanic_seaborn.csv")
    X = table[["pclass", "sex", "age", "sibsp", "parch", "fare", "embarked"]]
    y = table["survived"]
    numbers = X.assign(sex=(X["sex"] == "female").astype(int)).drop(columns="embarked")
    model = DecisionTreeClassifier(max_depth=4, min_samples_leaf=10, random_state=0)
    model.fit(numbers, y)
    rules = wh.explain(model, numbers, wh.DecisionTreeRules(), rng=0)
    print(rules)
    keep(wh.plot(rules), "titanic_tree")
    path = wh.explain(model, numbers[:1], wh.DecisionPath(), rng=0)
    print(wh.narrate(path))
    keep(wh.plot(path), "titanic_path")
    typical = wh.explain(model, numbers, wh.Prototypes(count=6), rng=0)
    print(typical)
    keep(wh.plot(typical), "titanic_prototypes")
    print(wh.explain(model, numbers, wh.Criticisms(count=4), rng=0))
    anchors = wh.explain(model, numbers[:5], wh.Anchors(background=numbers), rng=0)
    print(anchors)


PARTS = {part.__name__: part for part in (bikes, housing, income, churn, titanic)}

if __name__ == "__main__":
    for name in sys.argv[1:] or PARTS:
        print(f"\n== {name}: {PARTS[name].__doc__}")
        PARTS[name]()
