"""Counterfactuals of some rows by an engine of DiCE, run by a Python that has it.

Usage: python dice_rows.py CASE ENGINE SECONDS. CASE is a pickle of a dict: ``model``, ``train`` (a
frame with the column "outcome"), ``rows``, ``numbers`` and ``free`` (columns that may change). Each
row has SECONDS, the engine ten times as many in all. What was found is written to CASE.ENGINE as a
pickle: a frame (or None) and seconds per row.
"""

import pickle
import signal
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

import dice_ml


def _late(*_: object) -> NoReturn:
    raise TimeoutError


def main() -> None:
    """Run the engine on the rows of the case."""
    path, engine, seconds = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    case: dict[str, Any] = pickle.loads(path.read_bytes())  # noqa: S301  made by the benchmark
    data = dice_ml.Data(
        dataframe=case["train"], continuous_features=case["numbers"], outcome_name="outcome"
    )
    explainer = dice_ml.Dice(
        data, dice_ml.Model(model=case["model"], backend="sklearn"), method=engine
    )
    found: list[tuple[object, float]] = []
    signal.signal(signal.SIGALRM, _late)
    begun = time.perf_counter()
    for i in range(len(case["rows"])):
        if time.perf_counter() - begun > 10 * seconds:
            break
        started, made = time.process_time(), None
        signal.alarm(seconds)
        try:
            e = explainer.generate_counterfactuals(
                case["rows"].iloc[[i]], total_CFs=1, desired_class="opposite",
                features_to_vary=case["free"], verbose=False,
            )  # fmt: skip
            made = e.cf_examples_list[0].final_cfs_df
        except TimeoutError:
            made = None
        except Exception as error:  # noqa: BLE001  it raises whatever happens inside; a miss is a miss
            print(engine, i, type(error).__name__, str(error)[:100], file=sys.stderr)
        finally:
            signal.alarm(0)
        found.append((made, time.process_time() - started))
    path.with_suffix(f".{engine}").write_bytes(pickle.dumps(found))


if __name__ == "__main__":
    main()
