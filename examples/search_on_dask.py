"""Searches the settings of a Classifier on a cluster of workers, and fits an Ensemble with what was found.

The cluster is two processes of this computer. With the address of a scheduler it is as many computers as have workers
there, and nothing else changes: the results are the same to the bit.

    pip install likeliest[dask]
    python examples/search_on_dask.py
    python examples/search_on_dask.py tcp://scheduler:8786
"""

from __future__ import annotations

import argparse
import time
from contextlib import ExitStack

import joblib
from dask.distributed import Client, LocalCluster
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split

import likeliest as ll


def main() -> None:
    """Searches, fits, and says how well it reads digits that it has not seen."""
    parser = argparse.ArgumentParser(description="Searches the settings of a Classifier on a Dask cluster.")
    parser.add_argument("scheduler", nargs="?", help="its address; by default two processes of this computer")
    address = parser.parse_args().scheduler

    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, test_size=500, stratify=y, random_state=0)
    model = ll.Classifier(max_iter=15, random_state=0)
    grid = {"hidden": [(16,), (32,), (64,)], "dropout": [0.0, 0.1]}

    with ExitStack() as stack:
        if address is None:
            address = stack.enter_context(LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None))
        client = stack.enter_context(Client(address))
        print(f"{sum(client.ncores().values())} fits at a time")

        begin = time.perf_counter()
        # X and y go to the workers once, before the first of the fits; these then only say which rows they take.
        with joblib.parallel_config(backend="dask", scatter=[X, y]):
            search = GridSearchCV(model, grid, cv=3, scoring="neg_log_loss").fit(X, y)
            print(f"best of {len(search.cv_results_['params'])}: {search.best_params_}")
            ensemble = ll.Ensemble(search.best_estimator_, n_estimators=5, random_state=0).fit(X, y)
        print(f"{time.perf_counter() - begin:.1f} s")

    n = len(y_test)
    means = [one.log_likelihood(X_test, y_test) / n for one in ensemble.estimators_]
    print(f"each of five networks: log-likelihood {sum(means) / len(means):.3f} for one of {n} digits, on average")
    print(f"together: {ensemble.log_likelihood(X_test, y_test) / n:.3f}; {ensemble.score(X_test, y_test):.1%} read")


if __name__ == "__main__":
    main()
