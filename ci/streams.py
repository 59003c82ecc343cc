"""For conformance tests: `aftershock stream` and a real Spark (ci/spark_query.py) as processes that run one pipeline over a real
Kafka, to the end or until they are killed; and what they leave: end offsets, commits, rows, history."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import sql_oracle

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIMIT_S = 300


class Case:
    """One pipeline, a folder of its own in which all its paths stand, and the records that were written to its topic."""

    def __init__(self, out, name, pipeline, bootstrap, topic=None, **options):
        self.name, self.folder, self.bootstrap = name, pathlib.Path(out).resolve() / name, bootstrap
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.pipeline = json.loads((ROOT / f"scenarios/pipelines/{pipeline}.json").read_text())
        self.topic = self.pipeline["source"]["subscribe"] = topic or name
        self.file = self.folder / "pipeline.json"
        self.file.write_text(json.dumps(self.pipeline))
        self.options = {name.replace("__", "."): value for name, value in options.items()}
        self.checkpoint = pathlib.Path(f"{self.folder}{self.pipeline['options']['checkpointLocation']}")
        self.table = pathlib.Path(f"{self.folder}{self.pipeline['sink']['path']}")
        self.lines, self.runs = [], 0

    def command(self, engine, once):
        sets = [part for name, value in self.options.items() for part in ("--set", f"{name}={value}")]
        common = [str(self.file), "--root", str(self.folder), "--progress", str(self.folder / "progress"), *sets]
        if engine == "spark":
            command = [sys.executable, "-B", str(ROOT / "ci/spark_query.py"), *common, "--bootstrap", self.bootstrap]
        else:
            command = [str(ROOT / "build/release/aftershock"), "stream", *common, "--set", f"kafka.bootstrap.servers={self.bootstrap}"]
        return command + (["--once"] if once else [])

    def start(self, engine, once=False):
        """Begin a run; its words go to a file of the case's folder. It is a process group of its own."""
        self.runs += 1
        self.log = self.folder / f"{self.runs}-{engine}.log"
        with self.log.open("w") as log:
            return subprocess.Popen(self.command(engine, once), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def finish(self, engine, wanted=0):
        """Take what is there and end; the exit code must be the wanted one."""
        process = self.start(engine, once=True)
        try:
            code = process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            kill(process)
            raise AssertionError(f"{self.name}: {engine} did not end within {LIMIT_S} s (see {self.log})") from None
        if code != wanted:
            raise AssertionError(f"{self.name}: {engine} ended with {code}, not {wanted}:\n{self.tail()}")

    def kill_in_batch(self, engine, batch):
        """Start, and kill -9 once the intent of `batch` is durable."""
        process = self.start(engine)
        self.wait(lambda: (self.checkpoint / "offsets" / str(batch)).exists(), process, f"offsets/{batch}")
        kill(process)

    def wait(self, condition, process, what):
        began = time.monotonic()
        while not condition():
            if process.poll() is not None:
                raise AssertionError(f"{self.name}: ended with {process.returncode} before {what}:\n{self.tail()}")
            if time.monotonic() > began + LIMIT_S:
                kill(process)
                raise AssertionError(f"{self.name}: no {what} within {LIMIT_S} s:\n{self.tail()}")
            time.sleep(0.002)

    def tail(self):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-12:])

    def offsets(self, batch):
        """The lines of offsets/N: the metadata as an object, and the end offsets by partition."""
        text = (self.checkpoint / "offsets" / str(batch)).read_text().splitlines()
        assert text[0] == "v1", text
        return json.loads(text[1]), json.loads(text[2])[self.topic]

    def ids(self, log):
        return sorted(int(path.name) for path in (self.checkpoint / log).iterdir() if path.name.isdigit())

    def ends(self):
        """End offsets by batch: nothing may be purged yet, and every intent has its commit."""
        batches = self.ids("offsets")
        assert batches == list(range(len(batches))) and self.ids("commits") == batches, (batches, self.ids("commits"))
        return {batch: self.offsets(batch)[1] for batch in batches}

    def check(self):
        """Are the table, its history and the state what SQL and the formats say?"""
        ends = self.ends()
        sql, rows, names, state = sql_oracle.compute(self.folder / "source.ndjson", self.lines, self.pipeline, ends)
        same = sql_oracle.compare_table(self.table, rows, names)
        if state is not None and not self.rocksdb():  # whose state Spark reads (ci/conformance_spark.py)
            same = sql_oracle.compare_state(sql, self.checkpoint, state) and same
        return self.check_history(ends) and same

    def rocksdb(self):
        return "RocksDB" in self.offsets(0)[0]["conf"]["spark.sql.streaming.stateStore.providerClass"]

    def check_history(self, ends):
        """One commit a batch, in order, all of one application id, which is the query's: no hole, nothing twice."""
        query = json.loads((self.checkpoint / "metadata").read_text())["id"]
        versions, engines = [], []
        for path in sorted((self.table / "_delta_log").glob("*.json")):
            actions = [json.loads(line) for line in path.read_text().splitlines()]
            versions += [(action["txn"]["appId"], action["txn"]["version"]) for action in actions if "txn" in action]
            engines += [action["commitInfo"]["engineInfo"].split("/")[0] for action in actions if "commitInfo" in action]
        if versions != [(query, batch) for batch in ends]:
            print(f"    DIFFERENT history: {versions} for batches {list(ends)} of query {query}", file=sys.stderr)
            return False
        turns = [engine for i, engine in enumerate(engines) if i == 0 or engines[i - 1] != engine]
        print(f"    history: batches 0 to {len(ends) - 1}, one commit each, written by {', '.join(turns)}")
        return True


def kill(process):
    """kill -9 of what runs the query. Of Aftershock that is the driver alone: its executors must end by themselves, or this fails.
    Of Spark it is the JVM beneath the Python that was started, so all of the group at once."""
    if "spark_query" in " ".join(map(str, process.args)):
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return
    process.kill()
    process.wait()
    for _ in range(200):
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    raise AssertionError("executors outlived their driver by ten seconds")
