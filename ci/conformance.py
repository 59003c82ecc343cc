"""Export tables and checkpoints of simulated runs; read the tables with delta-rs and DuckDB and the state with
ci/checkpoint_reader.py; compare both with SQL over the source records (ci/sql_oracle.py)."""
import json
import pathlib
import shutil
import subprocess
import sys

import sql_oracle

tool, out = sys.argv[1], pathlib.Path(sys.argv[2])
scenarios = ["baseline", "driver-crash-after-sink-commit", "objects-lost-reply-delta-commit-applied",
             "stateful-baseline", "stateful-driver-crash-after-state", "stateful-executor-machine-lost",
             "stateful-objects-driver-crash", "stateful-sliding-windows", "stateful-complete-mode"]


def read(scenario):
    return json.loads(pathlib.Path(f"scenarios/{scenario}.json").read_text())


def run(scenario, store):
    """Export one run; say whether its table and its state are what SQL makes of its records. Of RocksDB the table alone: its state is
    read by Spark (ci/conformance_spark.py)."""
    text = read(scenario)
    pipeline = json.loads((pathlib.Path("scenarios") / text["pipeline"]).read_text())
    name = scenario + store
    table, checkpoint, progress = out / name, out / f"{name}.checkpoint", out / f"{name}.progress"
    for folder in (table, checkpoint):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    subprocess.run([tool, "run", "--table", table, "--checkpoint", checkpoint, "--progress", progress,
                    f"scenarios/{scenario}.json{store}"], check=True, stdout=subprocess.DEVNULL)
    told = {batch["batchId"]: batch for batch in map(json.loads, progress.read_text().splitlines())}
    ends = {number: next(iter(told[number]["sources"][0]["endOffset"].values())) for number in sorted(told)}
    workload = text["workload"][0]
    lines = (pathlib.Path("scenarios") / workload["from"]).read_text().splitlines()[: workload["records"]]
    sql, rows, names, state = sql_oracle.compute(out / f"{name}.ndjson", lines, pipeline, ends)
    same = sql_oracle.compare_table(table, rows, names)
    return same and (state is None or store.startswith("@rocksdb") or sql_oracle.compare_state(sql, checkpoint, state))


runs = [(scenario, store) for scenario in scenarios for store in [f"@{store}" for store in read(scenario).get("state_stores", [])] or [""]]
failures = sum(not run(scenario, store) for scenario, store in runs)
print(f"{len(runs)} runs, {failures} different")
sys.exit(1 if failures else 0)
