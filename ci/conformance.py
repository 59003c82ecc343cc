"""Export tables of simulated runs, read them with delta-rs and DuckDB, compare with SQL over the source records."""
import json
import pathlib
import shutil
import subprocess
import sys

import deltalake
import duckdb

tool, out = sys.argv[1], pathlib.Path(sys.argv[2])
scenarios = ["baseline", "driver-crash-after-sink-commit", "objects-lost-reply-delta-commit-applied"]


def expected(scenario):
    """The rows by SQL over the workload's records, from the scenario's own pipeline."""
    text = json.loads(pathlib.Path(f"scenarios/{scenario}.json").read_text())
    pipeline = json.loads((pathlib.Path("scenarios") / text["pipeline"]).read_text())
    workload = text["workload"][0]
    lines = (pathlib.Path("scenarios") / workload["from"]).read_text().splitlines()[: workload["records"]]
    source = out / f"{scenario}.ndjson"
    source.write_text("\n".join(lines) + "\n")
    types = {"int": "INTEGER", "long": "BIGINT", "double": "DOUBLE", "string": "VARCHAR",
             "boolean": "BOOLEAN", "timestamp": "TIMESTAMPTZ"}
    columns = {name: types[kind] for name, kind in pipeline["source"]["schema"].items()}
    items = []
    for item in pipeline["select"]:
        items.append(item if isinstance(item, str) else f"{item['is']} as {item['as']}")
    sql = duckdb.connect()
    sql.execute("set timezone = 'UTC'")
    return sql.execute(
        f"select {', '.join(items)} from read_json('{source}', format='newline_delimited', columns={columns}) "
        f"where {pipeline['filter']}").fetchall(), [i if isinstance(i, str) else i["as"] for i in pipeline["select"]]


def ordered(rows):
    return sorted(tuple(str(value) for value in row) for row in rows)


failures = 0
for scenario in scenarios:
    table = out / scenario
    shutil.rmtree(table, ignore_errors=True)
    table.mkdir(parents=True)
    subprocess.run([tool, "run", "--table", str(table), f"scenarios/{scenario}.json"], check=True, stdout=subprocess.DEVNULL)
    want, names = expected(scenario)
    delta = deltalake.DeltaTable(str(table))
    sql = duckdb.connect()
    sql.execute("set timezone = 'UTC'")
    rust = delta.to_pyarrow_table(columns=names)
    by_delta_rs = sql.execute("select * from rust").fetchall()
    paths = [str(table / uri.rsplit("/", 1)[1]) for uri in delta.file_uris()]
    by_duckdb = sql.execute(f"select {', '.join(names)} from read_parquet({paths})").fetchall()
    stats = delta.get_add_actions(flatten=True)
    same = ordered(want) == ordered(by_delta_rs) == ordered(by_duckdb)
    failures += not same
    print(f"  {'same rows' if same else 'DIFFERENT'}: {scenario}: SQL {len(want)}, delta-rs {len(by_delta_rs)}, "
          f"DuckDB {len(by_duckdb)} rows; version {delta.version()}, {len(paths)} files")
    if not same or not want:
        failures += not want
        for label, rows in (("delta-rs", by_delta_rs), ("DuckDB", by_duckdb)):
            print("   ", label, "only:", (set(ordered(rows)) - set(ordered(want))) or "-", file=sys.stderr)
sys.exit(1 if failures else 0)
