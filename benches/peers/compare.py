"""ASTER beside PyTorch, scikit-learn and pandas: both sides in turn, in one call, and
the ratio of their times. Prints Markdown.

    cargo build --release -p aster-benches --example peer
    python benches/peers/compare.py target/release/examples/peer [options]

Needs torch, scikit-learn, pandas and pyarrow in the Python that runs it. Each cell is
the least of the medians that `--rounds` processes of a side measured.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

PEER = pathlib.Path(__file__).with_name("peer.py")


def run(command, threads):
    count = str(threads or os.cpu_count())
    limits = {name: count for name in
              ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS", "POLARS_MAX_THREADS")}
    out = subprocess.run(command, env={**os.environ, **limits}, check=True,
                         stdout=subprocess.PIPE, text=True).stdout
    seconds, megabytes = out.split()
    return float(seconds), int(megabytes)


def best(runs):
    return min(seconds for seconds, _ in runs), max(megabytes for _, megabytes in runs)


def row(name, ours, theirs, threads, rounds):
    """Both sides in turn, so that a noisy minute hits both."""
    mine, peer = [], []
    for _ in range(rounds):
        mine.append(run(ours, threads))
        peer.append(run(theirs, threads))
    (a, a_mb), (b, b_mb) = best(mine), best(peer)
    print(f"| {name} | {threads or 'all'} | {a * 1e3:.1f} | {b * 1e3:.1f} | {a / b:.2f} "
          f"| {a_mb} | {b_mb} |", flush=True)


def tables(folder, rows):
    """A million rows of 50 columns as CSV and Parquet, made once."""
    import numpy as np
    import pandas

    paths = {kind: folder / f"{rows}x50.{kind}" for kind in ("csv", "parquet")}
    if not all(path.exists() for path in paths.values()):
        values = np.random.default_rng(0).normal(size=(rows, 50)).astype(np.float32)
        frame = pandas.DataFrame(values, columns=[f"c{i}" for i in range(50)])
        frame.to_csv(paths["csv"], index=False, float_format="%.6g")
        frame.to_parquet(paths["parquet"])
    return paths


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peer", help="the compiled example `peer`")
    parser.add_argument("--devices", nargs="+", default=["flex"], help="of ASTER")
    parser.add_argument("--torch-device", default="cpu")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 0], help="0: all")
    parser.add_argument("--configs", nargs="+", default=["default", "gpt2"])
    parser.add_argument("--jobs", nargs="+", default=["models", "metrics", "loading"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir()))
    arguments = parser.parse_args()
    peer, python, rounds = arguments.peer, [sys.executable, str(PEER)], arguments.rounds

    print("| job | threads | ASTER ms | peer ms | ratio | ASTER MB | peer MB |")
    print("|---|---|---|---|---|---|---|")
    for threads in arguments.threads:
        if "models" in arguments.jobs:
            for config in arguments.configs:
                for job in ("train", "score"):
                    repeats = "20" if config == "default" else "2"
                    for device in arguments.devices:
                        row(f"{job}, {config}, {device} / PyTorch",
                            [peer, job, config, device, repeats],
                            [*python, job, config, arguments.torch_device, repeats],
                            threads, rounds)
        if "metrics" in arguments.jobs:
            for job in ("auroc", "aupr", "f1"):
                tail = [job, str(arguments.rows), "-", "3"]
                row(f"{job} / scikit-learn", [peer, *tail], [*python, *tail], threads, rounds)
        if "loading" in arguments.jobs:
            for kind, path in tables(arguments.folder, arguments.rows).items():
                tail = [kind, str(path), "-", "1"]
                row(f"{kind} / pandas", [peer, *tail], [*python, *tail], threads, rounds)


if __name__ == "__main__":
    main()
