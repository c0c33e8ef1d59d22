"""Makes four further sets, in the layout of the suite, from data and simulators of Python packages.

    pip install --no-deps seglearn==1.2.5 aeon==1.6.0
    pip install wntr==1.5.0 wfdb==4.3.1 pyarrow
    pip download --no-deps --no-binary wfdb wfdb==4.3.0
    python scripts/further_sets.py <folder>
    cargo run --release -p aster-tools --bin benchmark -- --suite <folder>

watch   exercises of ten people under a watch's accelerometer and gyroscope (seglearn): one exercise of
        seven people trains; of three others it tests, with stretches of other exercises in between.
ecg     an electrocardiogram made by GutenTAG, and a blood pressure of the UCR archive (aeon).
beats   an electrocardiogram of two leads, three hours of the AHA's sample record, of whose last half hour each
        beat is annotated (the archive of wfdb 4.3.0, in the working folder): ventricular beats are the
        anomalies. One series trains on normal beats, one on rows as they were recorded.
water   EPANET's simulation of two networks with noisy demand, hour by hour (wntr): leaks, closed pumps,
        sensors that freeze or are off.
"""

import importlib.util
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

FOLDER = Path(sys.argv[1])


def package(name):
    return Path(importlib.util.find_spec(name).submodule_search_locations[0])


def save(data_set, name, train, test, label, columns):
    folder = FOLDER / data_set
    folder.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame(np.asarray(train, "float32"), columns=columns)
    frame.to_parquet(folder / f"{name}_train.parquet", compression="zstd", index=False)
    frame = pd.DataFrame(np.asarray(test, "float32"), columns=columns)
    frame["label"] = np.asarray(label, "int8")
    frame.to_parquet(folder / f"{name}_test.parquet", compression="zstd", index=False)


def watch():
    data = np.load(package("seglearn") / "data" / "watch_dataset.npy", allow_pickle=True).item()
    series, kind, subject, side = data["X"], data["y"], data["subject"], data["side"]
    everything = range(len(series))
    for exercise, name in enumerate(data["y_labels"]):
        random = np.random.default_rng(exercise)
        own = [i for i in everything if kind[i] == exercise]
        train = np.concatenate([series[i] for i in own if subject[i] <= 7])
        test, label = [], []
        for i in [i for i in own if subject[i] > 7]:
            half = len(series[i]) // 2
            alike = [j for j in everything if (subject[j], side[j]) == (subject[i], side[i])]
            other = series[random.choice([j for j in alike if kind[j] != exercise])]
            rows = int(random.integers(80, 300))
            start = int(random.integers(100, len(other) - rows - 100))
            test += [series[i][:half], other[start : start + rows], series[i][half:]]
            label += [np.zeros(half), np.ones(rows), np.zeros(len(series[i]) - half)]
        save("watch", name, train, np.concatenate(test), np.concatenate(label), data["X_labels"])


def ecg():
    folder = package("aeon") / "datasets" / "data"

    def read(name):
        table = pd.read_csv(folder / name)
        return table.iloc[:, 1:-1].values, table["is_anomaly"].values

    train, _ = read("UnitTest/ecg-diff-count-3_TRAIN_NA.csv")
    test, label = read("UnitTest/ecg-diff-count-3_TEST.csv")
    save("ecg", "made", train, test, label, ["v"])
    ucr = "KDD-TSAD_135/135_UCR_Anomaly_InternalBleeding16"
    train, _ = read(f"{ucr}_TRAIN.csv")
    test, label = read(f"{ucr}_TEST.csv")
    # The test repeats the training rows.
    save("ecg", "bleeding", train, test[len(train) :], label[len(train) :], ["v"])


def beats():
    import wfdb
    from scipy.signal import decimate

    with tempfile.TemporaryDirectory() as folder:
        archive = tarfile.open("wfdb-4.3.0.tar.gz")
        for kind in ("hea", "dat", "atr"):
            place = f"wfdb-4.3.0/tmp_dl_dir/0001.{kind}"
            Path(folder, f"0001.{kind}").write_bytes(archive.extractfile(place).read())
        leads, _ = wfdb.rdsamp(f"{folder}/0001")
        notes = wfdb.rdann(f"{folder}/0001", "atr")
    # Half of 250 Hz.
    leads, at = decimate(leads, 2, axis=0), np.array(notes.sample) // 2
    odd = np.flatnonzero([symbol != "N" for symbol in notes.symbol])
    label, keep = np.zeros(len(leads)), np.ones(len(leads), bool)
    for beat in odd:
        label[at[beat] - 50 : at[beat] + 50] = 1
        # A beat begins 30 rows after the one before.
        after = at[beat + 1] + 30 if beat + 1 < len(at) else None
        keep[max(at[0], at[beat - 1] + 30) : after] = False
    first, cut = at[0], at[0] + 600 * 125
    test = slice(cut, cut + 480 * 125)
    good = leads[first:cut][keep[first:cut]][:40000]
    for name, train in [("good", good), ("as_recorded", leads[first - 40000 : first])]:
        save("beats", name, train, leads[test], label[test], ["i", "ii"])


def simulate(network, hours, seed, faults):
    import wntr
    from wntr.network.controls import Control, ControlAction, SimTimeCondition

    random = np.random.default_rng(seed)
    time = network.options.time
    time.duration = 3600 * (hours - 1)
    time.hydraulic_timestep = time.pattern_timestep = time.report_timestep = 3600
    hour = np.arange(hours)
    day, weekday = hour % 24, hour // 24 % 7
    demand = 0.7 + 0.5 * np.exp(-((day - 8) ** 2) / 6) + 0.6 * np.exp(-((day - 19) ** 2) / 8)
    demand = demand * np.where(weekday >= 5, 0.9 + 0.15 * np.exp(-((day - 11) ** 2) / 8), 1)
    demand = demand * (1 + 0.15 * np.sin(2 * np.pi * hour / 8760))
    common, noise = np.zeros(hours), random.normal(0, 0.03, hours)
    for i in range(1, hours):
        common[i] = 0.9 * common[i - 1] + noise[i]
    for name in network.junction_name_list:
        node = network.get_node(name)
        own = demand * np.exp(common + random.normal(0, 0.08, hours))
        network.add_pattern(f"p_{name}", own.tolist())
        base = max(node.base_demand, 0)
        node.demand_timeseries_list.clear()
        node.add_demand(base, f"p_{name}")
        for kind, target, start, end, size in faults:
            if (kind, target) == ("leak", name):
                leak = np.zeros(hours)
                leak[start:end] = 1
                network.add_pattern(f"leak_{start}", leak.tolist())
                node.add_demand(size, f"leak_{start}")
    for number, (kind, target, start, end, _) in enumerate(faults):
        if kind == "close":
            link = network.get_link(target)
            status = wntr.network.LinkStatus
            for at, to in [(start, status.Closed), (end, status.Open)]:
                when = SimTimeCondition(network, "=", at * 3600)
                control = Control(when, ControlAction(link, "status", to))
                network.add_control(f"c{number}_{at}", control)
    with tempfile.TemporaryDirectory() as folder:
        return wntr.sim.EpanetSimulator(network).run_sim(file_prefix=f"{folder}/run")


def water():
    import wntr

    library = package("wntr") / "library" / "networks"
    for file, name in [("Net3", "net3"), ("ky4", "ky4")]:
        fresh = lambda: wntr.network.WaterNetworkModel(str(library / f"{file}.inp"))
        network = fresh()
        random = np.random.default_rng(len(name) + ord(name[-1]))
        pumps = network.pump_name_list[:6]
        junctions = random.choice(network.junction_name_list, 12, replace=False)
        pipes = random.choice(network.pipe_name_list, 5, replace=False)

        def channels(result):
            pressure, flow = result.node["pressure"], result.link["flowrate"] * 1000
            table = {f"L_{tank}": pressure[tank] for tank in network.tank_name_list[:8]}
            for pump in pumps:
                table[f"F_{pump}"] = flow[pump]
                table[f"S_{pump}"] = (flow[pump].abs() > 0.01).astype(float)
            table |= {f"P_{node}": pressure[node] for node in junctions}
            table |= {f"F_{pipe}": flow[pipe] for pipe in pipes}
            return pd.DataFrame(table).reset_index(drop=True)

        train = channels(simulate(fresh(), 4380, 2, []))
        hours, start, faults, sensors = 3000, 150, [], []
        total = sum(network.get_node(node).base_demand for node in network.junction_name_list)
        label = np.zeros(hours)
        while start < hours - 120:
            rows = int(random.integers(12, 72))
            end = start + rows
            kind = ["leak", "close", "freeze", "leak", "offset"][(len(faults) + len(sensors)) % 5]
            if kind == "leak":
                node = random.choice(network.junction_name_list)
                faults.append((kind, node, start, end, total * random.uniform(0.03, 0.1)))
            elif kind == "close":
                faults.append((kind, random.choice(network.pump_name_list), start, end, 0))
            else:
                sensors.append((kind, start, end))
            label[start:end] = 1
            start = end + int(random.integers(150, 350))
        test = channels(simulate(fresh(), hours, 4, faults))
        for kind, start, end in sensors:
            column = [c for c in test if c[0] in "LP"][int(random.integers(0, 8))]
            if kind == "freeze":
                test.loc[start : end - 1, column] = test.loc[start, column]
            else:
                test.loc[start : end - 1, column] += train[column].std() * random.choice([-1, 1])
        noise = np.random.default_rng(9)
        for table in (train, test):
            for column in table:
                if not column.startswith("S_"):
                    table[column] += noise.normal(0, 0.01 * train[column].std() + 1e-9, len(table))
        save("water", name, train, test, label, list(train))


watch()
ecg()
beats()
water()
