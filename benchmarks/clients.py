"""How many requests a second a server answers to several clients at once.

The server is `keras_ptft.serving.model_server`, in Python, with TensorFlow
Serving's own gRPC service: it runs the export with TensorFlow, in the same
process as its clients. TensorFlow Serving itself has none of that overhead.
"""

import pathlib
import threading
import time
from collections.abc import Mapping
from concurrent import futures
from typing import Any

import numpy as np

from benchmarks.common import Lazy
from benchmarks.served import MAIN, MODEL, markdown, rows_of

models = Lazy("keras_ptft.serving.model_server.served_model")
configs = Lazy("keras_ptft.serving.model_server.model_config")
server = Lazy("keras_ptft.serving.model_server.running")
smoke = Lazy("keras_ptft.serving.smoke.clients")
address = Lazy("keras_ptft.serving.smoke.address")

COUNTS = 1, 16
"""How many clients ask at once."""
_SECONDS = 10.0


def measure(folder: str, clients: int, calls: int) -> dict[str, Any]:
    """Asks by gRPC for one row at a time, from each client in its thread.

    Args:
        folder: of `served.prepare`.
        clients: how many there are.
        calls: most requests of each client, for at most 10 s.

    Returns:
        `rate`, requests a second of all together, and `milliseconds` of the
        median and of 99 % of the requests.
    """
    base = pathlib.Path(folder, MODEL)
    model = models.ServedModel(configs.ModelConfig(MODEL, base))
    model.refresh()
    version = model.find()
    rows = rows_of(folder, "requests")[:1]
    (given,) = version.inputs(MAIN)
    ready = threading.Barrier(clients)
    with server.running({MODEL: model}) as ports:
        place = address.Address(MODEL, *ports)

        def ask(_: int) -> list[tuple[float, float]]:
            with smoke.grpc_client(place, version.number) as predict:
                predict(MAIN, {given: rows})
                ready.wait()
                return _timed(lambda: predict(MAIN, {given: rows}), calls)

        with futures.ThreadPoolExecutor(clients) as pool:
            found = np.concatenate([*pool.map(ask, range(clients))])
    whole = found[:, 1].max() - found[:, 0].min()
    taken = 1e3 * (found[:, 1] - found[:, 0])
    return {
        "rate": len(found) / float(whole),
        "milliseconds": [float(x) for x in np.quantile(taken, (0.5, 0.99))],
    }


def _timed(request: Any, calls: int) -> list[tuple[float, float]]:
    """When each request was sent and answered."""
    found: list[tuple[float, float]] = []
    start = time.perf_counter()
    while len(found) < calls and time.perf_counter() - start < _SECONDS:
        sent = time.perf_counter()
        request()
        found.append((sent, time.perf_counter()))
    return found


def table(title: str, measured: Mapping[int, Mapping[str, Any]]) -> str:
    """Returns a Markdown table.

    Args:
        title: of what is served.
        measured: number of clients → what `measure` returned.
    """
    rows = []
    for clients, found in measured.items():
        p50, p99 = found["milliseconds"]
        taken = f"{p50:.2f} / {p99:.2f}"
        rows.append([str(clients), f"{found['rate']:,.0f}", taken])
    return markdown(
        f"{title}: clients at once, one row a request, by gRPC",
        ["clients", "requests a second", "ms, median / 99 %"],
        rows,
    )
