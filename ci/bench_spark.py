"""Throughput of the windowed flights aggregation from one real Kafka to Delta: `aftershock stream` with one and with two executors
beside Spark local[2], on the same machine, over the same topic, with the same batches, in one run.

    AFTERSHOCK_KAFKA=host:port bench_spark.py FOLDER [MILLIONS]

CPU is user and system time of all processes of an engine, and memory the sum of the peak resident sizes of its processes, both
from /proc, looked at 20 times a second. "Warm" is what comes after the first batch: neither start-up nor most of what a JVM
compiles. The tables must be equal, row by row. Gates: three times Spark's rows per CPU-second, warm too; 256 MiB."""
import json
import os
import pathlib
import sys
import time

import deltalake
import duckdb
from confluent_kafka import Producer

import kafka_client
from streams import ROOT, Case, kill

BOOTSTRAP, OUT = os.environ["AFTERSHOCK_KAFKA"], pathlib.Path(sys.argv[1]).resolve()
RECORDS = int(float(sys.argv[2] if len(sys.argv) > 2 else 10) * 10**6)
BATCH = max(RECORDS // 10, 1000)
PARTITIONS, TICK = 2, os.sysconf("SC_CLK_TCK")
GATE_ROWS, GATE_MIB = 3, 256
DECODE_NS = float(os.environ["AFTERSHOCK_DECODE_NS"])  # a flight, alone: engine/source/decode_bench.c in the same run


def fill(topic):
    """The flights, each as often as it takes, its copies some seconds apart: the hours stay, and with them what closes when.
    Gives the bytes of the values."""
    lines = (ROOT / "scenarios/data/flights.ndjson").read_text().splitlines()
    copies = -(-RECORDS // len(lines))
    kafka_client.create_topic(BOOTSTRAP, topic, PARTITIONS, **{"retention.ms": -1})
    producer = Producer({"bootstrap.servers": BOOTSTRAP, "acks": "all", "linger.ms": 20, "batch.num.messages": 10000, "log_level": 0,
                         "queue.buffering.max.messages": 200000})
    count = size = 0
    for line in lines:
        parts = line.split("00Z")
        for copy in range(min(copies, RECORDS - count)):
            value = f"{copy % 60:02}Z".join(parts)
            while True:
                try:
                    producer.produce(topic, value, partition=count % PARTITIONS)
                    break
                except BufferError:
                    producer.poll(0.05)
            count, size = count + 1, size + len(value)
        producer.poll(0)
    assert producer.flush(120) == 0
    return size


class Usage:
    """CPU seconds and peak memory of all processes of one session, by pid and by thread name."""

    def __init__(self, session):
        self.session, self.cpu, self.peak, self.threads = session, {}, {}, {}

    def look(self):
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    self.look_at(pathlib.Path("/proc") / entry)
                except (FileNotFoundError, ProcessLookupError):
                    pass

    def look_at(self, process):
        fields = (process / "stat").read_text().rsplit(")", 1)[1].split()
        if int(fields[3]) != self.session:
            return
        self.cpu[process.name] = (int(fields[11]) + int(fields[12])) / TICK
        if (pathlib.Path("/proc") / fields[1] / "comm").read_text() == "java\n":
            return  # a fork of the JVM on its way to chmod: its memory is the JVM's
        status = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines())
        if "VmHWM" in status:
            self.peak[process.name] = int(status["VmHWM"].split()[0]) / 1024
        for task in (process / "task").iterdir():
            name, rest = (task / "stat").read_text().rsplit(")", 1)
            spent = rest.split()
            self.threads[process.name, task.name] = (name.split("(", 1)[1], (int(spent[11]) + int(spent[12])) / TICK)

    def cpu_s(self):
        return sum(self.cpu.values())

    def client_cpu_s(self):
        """What the threads of librdkafka took."""
        return sum(spent for name, spent in self.threads.values() if name.startswith("rdk:"))


def run(case, engine, extra=()):
    """One run to the end of the topic: wall seconds, what it used, and the CPU seconds of all but the first batch."""
    case.extra = list(extra)
    began = time.monotonic()
    process = case.start(engine, once=True)
    usage, cold_s = Usage(process.pid), None
    while process.poll() is None:
        usage.look()
        if cold_s is None and (case.checkpoint / "commits/0").exists():
            cold_s = usage.cpu_s()
        time.sleep(0.05)
    assert process.returncode == 0, f"{engine} ended with {process.returncode}:\n{case.tail()}"
    return time.monotonic() - began, usage, usage.cpu_s() - cold_s


def first_commit(case, engine):
    """Seconds from nothing to the first commit, of a batch of 1,000 records."""
    began = time.monotonic()
    process = case.start(engine, once=True)
    case.wait(lambda: (case.checkpoint / "commits/0").exists(), process, "commits/0")
    seconds = time.monotonic() - began
    kill(process)
    return seconds


class Engine(Case):
    """A case whose command has more arguments."""
    extra = ()

    def command(self, engine, once):
        return [*super().command(engine, once), *map(str, self.extra)]


def table_digest(case):
    """Number of rows and a digest of them that knows no order."""
    found = deltalake.DeltaTable(str(case.table)).to_pyarrow_table()
    rows = duckdb.connect().execute("select count(*), sum(flights), sum(delayed), sum(hash(epoch_us(\"window\".start), far, flights, delayed, "
                                    "average, worst, first)::hugeint % 1000000007) from found").fetchone()
    assert rows[0] == found.num_rows
    return rows


def main():
    topic = "bench"
    began = time.monotonic()
    size = fill(topic)
    print(f"  {RECORDS:,} records, {size / 2**20:,.0f} MiB of values, {PARTITIONS} partitions, {BATCH:,} records a batch; written in {time.monotonic() - began:.0f} s")
    engines = [("aftershock, 1 executor", "aftershock", ["--executors", 1]), ("aftershock, 2 executors", "aftershock", ["--executors", 2]),
               ("Spark local[2]", "spark", ["--memory", "2g", "--java", ""])]
    figures, digests = {}, {}
    for label, engine, extra in engines:
        small = Engine(OUT, f"start-{len(figures)}", "flight_counts", BOOTSTRAP, topic=topic, maxOffsetsPerTrigger=1000)
        small.extra = extra
        start_s = first_commit(small, engine)
        case = Engine(OUT, f"run-{len(figures)}", "flight_counts", BOOTSTRAP, topic=topic, maxOffsetsPerTrigger=BATCH)
        wall_s, usage, warm_s = run(case, engine, extra)
        figures[label] = {"rows_s": RECORDS / wall_s, "mib_s": size / 2**20 / wall_s, "rows_cpu_s": RECORDS / usage.cpu_s(),
                          "warm_rows_cpu_s": (RECORDS - BATCH) / warm_s, "cpu_s": usage.cpu_s(), "peak_mib": sum(usage.peak.values()), "start_s": start_s}
        digests[label] = table_digest(case)
        decode_s = RECORDS * DECODE_NS / 1e9
        rest_s = usage.cpu_s() - usage.client_cpu_s() - decode_s
        client = (f" (librdkafka's threads {usage.client_cpu_s():.1f}, decoding {decode_s:.1f}, the rest {rest_s:.1f})" if engine == "aftershock" else "")
        print(f"  {label}: {RECORDS / wall_s:,.0f} rows/s, {size / 2**20 / wall_s:.1f} MiB/s, {RECORDS / usage.cpu_s():,.0f} rows a CPU-second, warm {(RECORDS - BATCH) / warm_s:,.0f}; "
              f"{wall_s:.1f} s, {usage.cpu_s():.1f} s of CPU{client}; peak {sum(usage.peak.values()):.0f} MiB in {len(usage.peak)} processes; first commit after {start_s:.2f} s")
    (OUT / "figures.json").write_text(json.dumps(figures, indent=1) + "\n")
    spark = figures.pop("Spark local[2]")
    failed = len(set(digests.values())) != 1
    print(f"  tables: {'equal: ' + str(next(iter(digests.values()))[0]) + ' rows' if not failed else 'DIFFERENT: ' + str(digests)}")
    for label, seen in figures.items():
        ratio, warm = (seen[key] / spark[key] for key in ("rows_cpu_s", "warm_rows_cpu_s"))
        good = min(ratio, warm) >= GATE_ROWS and seen["peak_mib"] < GATE_MIB
        failed |= not good
        print(f"  {'gate' if good else 'GATE FAILED'}: {label}: {ratio:.1f} times Spark's rows a CPU-second, warm {warm:.1f} (at least {GATE_ROWS}), "
              f"{seen['rows_s'] / spark['rows_s']:.1f} times its rows a second; {seen['peak_mib']:.0f} MiB (below {GATE_MIB}); "
              f"first commit in 1/{spark['start_s'] / seen['start_s']:.0f} of Spark's time")
    return 1 if failed else 0


sys.exit(main())
