"""A real Spark and Aftershock take turns on one checkpoint and one table.

1. Checkpoints of simulated runs, one of them crashed in a batch: Spark resumes them over the same records in a real Kafka.
2. Spark and Aftershock run the same query from nothing: the same batches, watermarks, rows a batch, and files to the byte where
   nothing but the content decides them.
3. Spark, Aftershock, Spark on one checkpoint, killed with kill -9 in a batch.
4. Both at once on one checkpoint.
After each: table, history and state against SQL over the source (ci/sql_oracle.py), and read by Spark itself."""
import json
import os
import pathlib
import subprocess
import sys
import time

import kafka_client
import spark_query
import sql_oracle
from streams import ROOT, Case

BOOTSTRAP, OUT = os.environ["AFTERSHOCK_KAFKA"], pathlib.Path(sys.argv[1]).resolve()
FLIGHTS = (ROOT / "scenarios/data/flights.ndjson").read_text().splitlines()
EDGES = (ROOT / "scenarios/data/edges.ndjson").read_text().splitlines()
failures = []
STORE = "spark__sql__streaming__stateStore__"
ROCKSDB = {STORE + "providerClass": "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"}
# Snapshots come soon: what is loaded is one of them and changelogs behind it.
CHANGELOG = {**ROCKSDB, STORE + "rocksdb__changelogCheckpointing__enabled": "true", STORE + "minDeltasForSnapshot": "2",
             STORE + "maintenanceInterval": "200ms"}


def expect(condition, name, text):
    if not condition:
        failures.append(name)
        print(f"  DIFFERENT: {name}: {text}")


def feed(case, lines, partitions):
    """Write more records to the case's topic, dealt as the simulator deals them."""
    kafka_client.produce(BOOTSTRAP, case.topic, kafka_client.round_robin(lines, partitions, len(case.lines)))
    case.lines += lines


def new_case(name, pipeline, lines, partitions, **options):
    case = Case(OUT, name, pipeline, BOOTSTRAP, **options)
    kafka_client.create_topic(BOOTSTRAP, case.topic, partitions)
    feed(case, lines, partitions)
    return case


def spark_once(case):
    """The query in this process' Spark, to the end of what is there; what it told of its batches."""
    pipeline = spark_query.with_options(case.pipeline, case.options)
    query = spark_query.start(spark, pipeline, BOOTSTRAP, case.folder, once=True)
    query.awaitTermination()
    return [json.loads(progress.json) for progress in query.recentProgress]


def read_by_spark(case):
    """Rows and history of the table and the rows of the state, as Spark reads them: equal to what others read."""
    rows = spark.read.format("delta").load(str(case.table))
    history = spark.sql(f"describe history delta.`{case.table}`").select("version", "operation", "readVersion", "operationMetrics").collect()
    rust = sql_oracle.deltalake.DeltaTable(str(case.table))
    told = [(each["version"], each["operation"]) for each in rust.history()]
    expect([(row[0], row[1]) for row in history] == told, case.name, f"history by Spark {history} and by delta-rs {told}")
    expect(all(row[2] == (row[0] - 1 if row[0] else None) for row in history), case.name, f"readVersion: {history}")
    want = sql_oracle.compute(case.folder / "source.ndjson", case.lines, case.pipeline, case.ends())
    columns = ", ".join(f"`{name}`" for name in want[2])
    arrow = rows.selectExpr(columns.split(", ") if columns else "*").toArrow()
    found = want[0].execute(f"select * from arrow").fetchall() if arrow.num_rows else []
    expect(sql_oracle.ordered(found) == sql_oracle.ordered(want[1]), case.name, f"{len(found)} rows by Spark, {len(want[1])} by SQL")
    state = "none"
    if want[3] is not None:
        read, told = state_by_spark(case), sql_oracle.wanted_state(want[0], want[3])
        same = len(told) > 0 and sql_oracle.ordered(read) == sql_oracle.ordered(told)
        expect(same, case.name, f"state by Spark {sql_oracle.ordered(read)[:3]}, by SQL {sql_oracle.ordered(told)[:3]}")
        state = f"{len(read)} rows{', in ' + state_files(case) if case.rocksdb() else ''}"
    print(f"    read by Spark: {len(found)} rows, {len(history)} versions, state: {state}")


def state_by_spark(case):
    """The newest version of the state by Spark's state data source: a window is its start, a time a number of microseconds."""
    plain = []
    for row in spark.read.format("statestore").load(str(case.checkpoint)).select("key", "value").collect():
        values = [value[0] if isinstance(value, tuple) else value for part in row for value in part]
        plain.append([round(value.timestamp() * 10**6) if hasattr(value, "timestamp") else value for value in values])
    return plain


def state_files(case):
    names = [path.name for path in (case.checkpoint / "state/0").glob("*/**/*.*") if not path.name.startswith(".")]
    return ", ".join(f"{sum(name.endswith(end) for name in names)} {end[1:]}" for end in (".changelog", ".zip", ".sst"))


# ---- 1. checkpoints of simulated runs

def simulate(name, scenario, script=None):
    """Run a scenario and export its checkpoint and table to where the case has them; its end offsets by batch."""
    text = json.loads((ROOT / f"scenarios/{scenario}.json").read_text())
    text.pop("state_stores", None)  # in memory, whose files ci/checkpoint_reader.py reads; RocksDB: "turns" below
    text["set"] = {**text["set"], "spark.sql.streaming.minBatchesToRetain": 100}
    if script:
        text["script"], text["expect"] = script, {"runs": [{"ends": "crashed"}]}
        text["cluster"]["supervisor"] = {"restart": "never"}
    workload = text["workload"][0]
    source = EDGES if workload["to"] == "edges" else FLIGHTS
    case = Case(OUT, name, pathlib.Path(text["pipeline"]).stem, BOOTSTRAP, topic=workload["to"],
                **{key.replace(".", "__"): value for key, value in text["set"].items() if "minBatches" not in key and "tateStore" not in key})
    scenarios = case.folder / "scenarios"
    (scenarios / "pipelines").mkdir(parents=True)
    (scenarios / "data").mkdir()
    (scenarios / text["pipeline"]).write_text((ROOT / "scenarios" / text["pipeline"]).read_text())
    (scenarios / workload["from"]).write_text("\n".join(source) + "\n")
    del text["$schema"]
    (scenarios / "scenario.json").write_text(json.dumps(text))
    for folder in (case.checkpoint, case.table):
        folder.mkdir(parents=True)
    command = [ROOT / "build/release/aftershock", "run", "--root", scenarios, "--table", case.table, "--checkpoint", case.checkpoint,
               scenarios / "scenario.json"]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, f"{name}: aftershock run: {run.stdout}{run.stderr}"
    case.lines = source[: workload["records"]]
    return case


def resume_simulated(name, scenario, more, script=None):
    """Spark goes on where the simulated run ended: which batch, from where, and all that follows."""
    case = simulate(name, scenario, script)
    last, committed = case.ids("offsets")[-1], case.ids("commits")[-1]
    end = case.offsets(last)[1]
    begun = case.offsets(committed)[1]
    case.lines = more
    case.options["maxOffsetsPerTrigger"] = 150
    told = spark_once(case)
    first = told[0]
    expect(first["batchId"] == committed + 1, name, f"Spark resumed at batch {first['batchId']}, not {committed + 1}")
    expect(first["sources"][0]["startOffset"] == {case.topic: begun}, name, f"from {first['sources'][0]['startOffset']}, not {begun}")
    if last > committed:
        expect(first["sources"][0]["endOffset"] == {case.topic: end}, name, f"up to {first['sources'][0]['endOffset']}, not {end}")
    how = "re-ran" if last > committed else "resumed at"
    print(f"  {name}: Spark {how} batch {first['batchId']}, and wrote {len(told)} batches")
    expect(case.check(), name, "see above")
    read_by_spark(case)


def simulated():
    kafka_client.create_topic(BOOTSTRAP, "flights", 2)
    kafka_client.produce(BOOTSTRAP, "flights", kafka_client.round_robin(FLIGHTS[:400], 2))
    kafka_client.create_topic(BOOTSTRAP, "edges", 1)
    kafka_client.produce(BOOTSTRAP, "edges", kafka_client.round_robin(EDGES, 1))
    crash = [{"at": {"batch": 3, "point": "sink.before"}, "do": "crash", "target": "driver"}]
    committed = [{"at": {"batch": 3, "point": "sink.after"}, "do": "crash", "target": "driver"}]
    planned = [{"at": {"batch": 3, "point": "offsets.after"}, "do": "crash", "target": "driver"}]
    resume_simulated("sim-stateless", "baseline", FLIGHTS[:400])
    resume_simulated("sim-stateless-in-batch", "baseline", FLIGHTS[:400], committed)
    resume_simulated("sim-windows", "stateful-baseline", FLIGHTS[:400])
    resume_simulated("sim-windows-state-written", "stateful-baseline", FLIGHTS[:400], crash)
    resume_simulated("sim-windows-in-table", "stateful-baseline", FLIGHTS[:400], committed)
    resume_simulated("sim-sliding-windows", "stateful-sliding-windows", FLIGHTS[:400], planned)
    resume_simulated("sim-complete", "stateful-complete-mode", FLIGHTS[:400])
    resume_simulated("sim-edges", "stateful-values-at-the-edges", EDGES, [{**planned[0], "at": {"batch": 4, "point": "offsets.after"}}])


# ---- 2. the same query from nothing

def rows_by_batch(case):
    """Rows that each version of the table added."""
    table = sql_oracle.deltalake.DeltaTable(str(case.table))
    found = []
    for version in range(table.version() + 1):
        actions = map(json.loads, (case.table / f"_delta_log/{version:020}.json").read_text().splitlines())
        found.append(sum(json.loads(action["add"]["stats"])["numRecords"] for action in actions if "add" in action))
    return found


def conf_text(case, batch):
    text = (case.checkpoint / "offsets" / str(batch)).read_text()
    return text[text.index('"conf"'):text.index("\n", text.index('"conf"'))]


def from_nothing(name, pipeline, lines, partitions, **options):
    """Both engines, each on a checkpoint of its own, over one topic."""
    ours = new_case(f"{name}-aftershock", pipeline, lines, partitions, topic=name, **options)
    theirs = Case(OUT, f"{name}-spark", pipeline, BOOTSTRAP, topic=name, **options)
    theirs.lines = ours.lines
    ours.finish("aftershock")
    spark_once(theirs)
    for case in (ours, theirs):
        expect(case.check(), case.name, "see above")
    expect(ours.ends() == theirs.ends(), name, f"batches end at {ours.ends()}, Spark's at {theirs.ends()}")
    marks = [[case.offsets(batch)[0]["batchWatermarkMs"] for batch in case.ends()] for case in (ours, theirs)]
    expect(marks[0] == marks[1], name, f"watermarks {marks[0]}, Spark's {marks[1]}")
    expect(rows_by_batch(ours) == rows_by_batch(theirs), name, f"rows a batch {rows_by_batch(ours)}, Spark's {rows_by_batch(theirs)}")
    files = ["sources/0/0", *(f"commits/{batch}" for batch in ours.ends())]
    if "groupBy" in ours.pipeline:
        files += ["state/0/_metadata/metadata", "state/0/0/_metadata/schema"]
    for file in files:
        left, right = ((case.checkpoint / file).read_bytes() for case in (ours, theirs))
        expect(left == right, name, f"{file}: {left!r}, Spark's {right!r}")
    expect(conf_text(ours, 0) == conf_text(theirs, 0), name, f"offsets/0: {conf_text(ours, 0)}, Spark's {conf_text(theirs, 0)}")
    print(f"  {name}: {len(ours.ends())} batches, rows a batch {rows_by_batch(ours)}; {len(files) + 1} files of the checkpoint compared to the byte")
    read_by_spark(ours)


# ---- 3. turns on one checkpoint

def finish(case, engine):
    if engine == "spark":
        spark_once(case)
    else:
        case.finish(engine)


def turns(name, pipeline, first, **options):
    """Two engines, `first` begins, both are killed in a batch; Aftershock and Spark also take over from a tidy end."""
    second = "aftershock" if first == "spark" else "spark"
    case = new_case(name, pipeline, FLIGHTS[:160], 2, maxOffsetsPerTrigger=20, processingTime="100ms", **options)
    case.kill_in_batch(first, 2)
    case.kill_in_batch(second, case.ids("offsets")[-1] + 2)
    feed(case, FLIGHTS[160:260], 2)
    finish(case, first)
    feed(case, FLIGHTS[260:360], 2)
    finish(case, second)
    feed(case, FLIGHTS[360:400], 2)
    case.kill_in_batch(first, case.ids("offsets")[-1] + 1)
    finish(case, second)
    expect(case.check(), name, "see above")
    read_by_spark(case)


def together(name, pipeline):
    """Both at once on one checkpoint: one of them must stop, saying why, and nothing is written twice."""
    case = new_case(name, pipeline, FLIGHTS[:40], 2, processingTime="500ms")
    process = case.start("aftershock")
    case.wait(lambda: (case.checkpoint / "commits/0").exists(), process, "commits/0")
    query = spark_query.start(spark, spark_query.with_options(case.pipeline, case.options), BOOTSTRAP, case.folder, once=False)
    for first in range(40, 2000, 10):
        if process.poll() is not None or not query.isActive:
            break
        feed(case, FLIGHTS[first:first + 10], 2)
        time.sleep(0.3)
    said = "" if query.isActive else str(query.exception()).splitlines()[0]
    query.stop()
    process.terminate()
    stopped = process.wait(60) != 0
    words = case.tail()
    expect(stopped or "CONCURRENT" in said, name, f"nobody was refused: Spark said '{said}', Aftershock: {words}")
    expect(not stopped or "CONCURRENT" in words, name, f"Aftershock ended with {process.returncode}: {words}")
    case.finish("aftershock")
    expect(case.check(), name, "see above")
    print(f"  {name}: refused was {'Aftershock: ' + words.splitlines()[-1] if stopped else 'Spark: ' + said[:160]}")


parts = sys.argv[2:] or ["simulated", "from-nothing", "turns", "together"]
spark = spark_query.session()
if "simulated" in parts:
    simulated()
if "from-nothing" in parts:
    from_nothing("new-stateless", "flight_delays", FLIGHTS[:300], 2, maxOffsetsPerTrigger=60)
    from_nothing("new-windows", "flight_counts", FLIGHTS[:300], 2, maxOffsetsPerTrigger=60, **{"spark__sql__shuffle__partitions": 3})
    from_nothing("new-sliding-windows", "flight_hours", FLIGHTS[:200], 1, maxOffsetsPerTrigger=60)
    from_nothing("new-complete", "flight_totals", FLIGHTS[:200], 2, maxOffsetsPerTrigger=100)
    from_nothing("new-edges", "edge_values", EDGES, 1)
    from_nothing("new-rocksdb", "flight_counts", FLIGHTS[:300], 2, maxOffsetsPerTrigger=60, spark__sql__shuffle__partitions=3, **ROCKSDB)
    from_nothing("new-rocksdb-changelog", "flight_counts", FLIGHTS[:300], 2, maxOffsetsPerTrigger=60, spark__sql__shuffle__partitions=3,
                 **CHANGELOG)
if "turns" in parts:
    turns("turns-stateless", "flight_delays", "spark")
    turns("turns-windows", "flight_counts", "aftershock")
    turns("turns-windows-spark-first", "flight_counts", "spark")
    for first in ("aftershock", "spark"):
        turns(f"turns-rocksdb-{first}-first", "flight_counts", first, spark__sql__shuffle__partitions=3, **ROCKSDB)
        turns(f"turns-rocksdb-changelog-{first}-first", "flight_counts", first, spark__sql__shuffle__partitions=3, **CHANGELOG)
if "together" in parts:
    together("together", "flight_counts")
print(f"{len(set(failures))} cases different: {sorted(set(failures))}" if failures else "nothing different")
sys.exit(1 if failures else 0)
