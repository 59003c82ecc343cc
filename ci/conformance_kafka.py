"""`aftershock stream` over a real Kafka of three nodes while Kafka does what Kafka does: retention, DeleteRecords, transactions, a
leader that moves, a broker that is killed or hangs. What must be in the table follows from the rules of Kafka alone: the records
are produced here, and what retention leaves of them is computed here."""
import os
import pathlib
import subprocess
import sys
import time

from confluent_kafka import Consumer, Producer, TopicPartition

import kafka_client
import sql_oracle
from streams import ROOT, Case

BOOTSTRAP, OUT = os.environ["AFTERSHOCK_KAFKA"], pathlib.Path(sys.argv[1]).resolve()
FLIGHTS = (ROOT / "scenarios/data/flights.ndjson").read_text().splitlines()
HOUR = 3600_000
failures = []


def expect(condition, name, text):
    if not condition:
        failures.append(name)
        print(f"  DIFFERENT: {name}: {text}")


def watermarks(topic, partition):
    consumer = Consumer({"bootstrap.servers": BOOTSTRAP, "group.id": "conformance", "log_level": 0})
    try:
        return consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=20)
    finally:
        consumer.close()


def until(condition, what, limit=60):
    began = time.monotonic()
    while not condition():
        if time.monotonic() > began + limit:
            raise AssertionError(f"no {what} within {limit} s")
        time.sleep(0.1)


def expect_rows(case, lines):
    """The table of a stateless query holds exactly what SQL makes of these records."""
    ends = {0: {"0": len(lines)}}
    sql, rows, names, _ = sql_oracle.compute(case.folder / "source.ndjson", lines, case.pipeline, ends)
    table = sql_oracle.deltalake.DeltaTable(str(case.table)).to_pyarrow_table(columns=names)
    found = sql.from_arrow(table).fetchall() if table.num_rows else []
    expect(sql_oracle.ordered(found) == sql_oracle.ordered(rows), case.name, f"{len(found)} rows in the table, {len(rows)} by SQL")
    return len(rows)


def new_case(name, partitions=1, **settings):
    case = Case(OUT, name, "flight_delays", BOOTSTRAP, startingOffsets="earliest", maxOffsetsPerTrigger=1000)
    kafka_client.create_topic(BOOTSTRAP, name, partitions, replicas=3, **settings)
    return case


def refused_then_accepted(case, gone, lines):
    """The records below `gone` are no longer there: the query refuses, naming the gap, commits nothing; then it is told to
    accept the loss and writes the rest."""
    before = case.ids("commits")
    case.finish("aftershock", wanted=1)
    said = case.tail()
    for word in (case.topic, str(gone), "failOnDataLoss"):
        expect(word in said, case.name, f"the refusal does not name {word}: {said}")
    expect(case.ids("commits") == before, case.name, "a batch was committed over a gap")
    case.options["failOnDataLoss"] = "false"
    case.finish("aftershock")
    return expect_rows(case, lines)


def retention():
    """Segments roll by the records' own time; a whole-segment prefix goes once its newest record is older than retention.ms
    (R6 to R8). A record every ten minutes, from 54 hours ago on; the query has read the first 3 hours."""
    case = new_case("kafka-retention", **{"segment.ms": HOUR, "retention.ms": -1})
    now = int(time.time() * 1000)
    count, read = 54 * 6, 3 * 6
    times = [now - (count - i) * HOUR // 6 for i in range(count)]
    lines = FLIGHTS[:count]
    records = [(0, line, stamp) for line, stamp in zip(lines, times)]
    # one batch a record: a segment rolls before the record that is more than segment.ms younger than the segment's first
    kafka_client.produce(BOOTSTRAP, case.topic, records[:read], batch_num_messages=1, linger_ms=0)
    case.finish("aftershock")
    kafka_client.produce(BOOTSTRAP, case.topic, records[read:], batch_num_messages=1, linger_ms=0)
    bases = [0]
    for i, stamp in enumerate(times):
        if stamp - times[bases[-1]] > HOUR:
            bases.append(i)
    kafka_client.alter_topic(BOOTSTRAP, case.topic, **{"retention.ms": 24 * HOUR})
    until(lambda: watermarks(case.topic, 0)[0] > 0, "retention")
    time.sleep(2)
    begin, end = watermarks(case.topic, 0)
    keep = next(base for base, following in zip(bases, bases[1:] + [count]) if time.time() * 1000 - times[following - 1] <= 24 * HOUR)
    expect((begin, end) == (keep, count), case.name, f"the log is [{begin}, {end}), by the rules [{keep}, {count})")
    rows = refused_then_accepted(case, keep, lines[:read] + lines[keep:])
    print(f"  retention: of {count} records [{read}, {keep}) expired unread, the log begins where the rules say; refused, then {rows} rows")


def retention_empties_an_idle_log():
    """R11: the active segment goes too. All was read: no loss, no error, offsets go on."""
    case = new_case("kafka-retention-idle", **{"retention.ms": -1})
    old = int(time.time() * 1000) - 48 * HOUR
    kafka_client.produce(BOOTSTRAP, case.topic, [(0, line, old) for line in FLIGHTS[:50]])
    case.finish("aftershock")
    kafka_client.alter_topic(BOOTSTRAP, case.topic, **{"retention.ms": 24 * HOUR})
    until(lambda: watermarks(case.topic, 0) == (50, 50), "an empty log at 50")
    case.finish("aftershock")
    kafka_client.produce(BOOTSTRAP, case.topic, [(0, line, None) for line in FLIGHTS[50:80]])
    case.finish("aftershock")
    print(f"  retention of an idle log: empty at offset 50, nothing lost, {expect_rows(case, FLIGHTS[:80])} rows")


def delete_records():
    """R13, in the middle of a segment and of a batch."""
    case = new_case("kafka-delete-records")
    kafka_client.produce(BOOTSTRAP, case.topic, [(0, line, None) for line in FLIGHTS[:100]])
    case.finish("aftershock")
    kafka_client.produce(BOOTSTRAP, case.topic, [(0, line, None) for line in FLIGHTS[100:200]])
    kafka_client.delete_records(BOOTSTRAP, case.topic, 0, 137)
    rows = refused_then_accepted(case, 137, FLIGHTS[:100] + FLIGHTS[137:200])
    print(f"  DeleteRecords: [100, 137) gone; refused, then {rows} rows")


def transactions():
    """Markers take offsets (R2) and end a range; aborted and open transactions are read, as Spark's default
    (read_uncommitted) does."""
    case = new_case("kafka-transactions")
    producer = Producer({"bootstrap.servers": BOOTSTRAP, "transactional.id": "conformance", "log_level": 0})
    producer.init_transactions(30)
    for first, outcome in ((0, producer.commit_transaction), (20, producer.abort_transaction), (40, producer.commit_transaction)):
        producer.begin_transaction()
        for line in FLIGHTS[first:first + 20]:
            producer.produce(case.topic, line, partition=0)
        producer.flush(30)
        outcome(30)
    until(lambda: watermarks(case.topic, 0)[1] == 63, "an end at 63: 60 records, 3 markers")
    case.finish("aftershock")
    expect(case.ends() == {0: {"0": 63}}, case.name, f"{case.ends()}: the markers take offsets")
    rows = expect_rows(case, FLIGHTS[:60])
    producer.begin_transaction()
    for line in FLIGHTS[60:80]:
        producer.produce(case.topic, line, partition=0)
    producer.flush(30)
    case.finish("aftershock")
    expect(case.ends() == {0: {"0": 63}, 1: {"0": 83}}, case.name, f"{case.ends()}: an open transaction is readable")
    producer.commit_transaction(30)
    case.finish("aftershock")
    expect(case.ends().get(2) == {"0": 84}, case.name, f"{case.ends()}: a batch of nothing but a marker")
    print(f"  transactions: committed, aborted and open; {rows} rows of 60 records and 3 markers, then {expect_rows(case, FLIGHTS[:80])}")


def node_of_leader(case):
    return kafka_client.leader(BOOTSTRAP, case.topic, 0)


def kafka(*arguments):
    subprocess.run([str(ROOT / "ci/kafka"), *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


def through(name, trouble):
    """A query that runs on, and records that keep coming, while `trouble` happens to the leader of their partition."""
    case = new_case(name)
    case.options.update({"maxOffsetsPerTrigger": 100, "processingTime": "100ms"})
    produced = 0

    def feed(count):
        nonlocal produced
        kafka_client.produce(BOOTSTRAP, case.topic, [(0, line, None) for line in FLIGHTS[produced:produced + count]],
                             enable_idempotence=True, message_timeout_ms=120000)
        produced += count

    def read_all():
        batches = case.ids("commits") if (case.checkpoint / "commits").exists() else []
        return bool(batches) and case.offsets(batches[-1])[1]["0"] == produced

    feed(300)
    process = case.start("aftershock")
    began = time.monotonic()
    try:
        case.wait(read_all, process, "the first records")
        node = node_of_leader(case)
        trouble(node, "begin")
        feed(200)
        case.wait(read_all, process, f"progress without node {node}")
        trouble(node, "end")
        feed(100)
        case.wait(read_all, process, f"progress with node {node} again")
    finally:
        process.terminate()
        if process.poll() is None:
            process.wait(60)
    expect(process.returncode == 0, name, f"SIGTERM ended it with {process.returncode}: {case.tail()}")
    ends = [end["0"] for end in case.ends().values()]
    expect(ends == sorted(ends) and ends[-1] == produced, name, f"ends {ends}")
    print(f"  {name}: node {node} led; {len(ends)} batches, {expect_rows(case, FLIGHTS[:produced])} rows, {time.monotonic() - began:.0f} s")


def stopped(node, when):
    kafka("term", node) if when == "begin" else kafka("restart", node)


def killed(node, when):
    kafka("kill", node) if when == "begin" else kafka("restart", node)


def hung(node, when):
    kafka("pause", node) if when == "begin" else kafka("resume", node)


CASES = {"retention": retention, "idle": retention_empties_an_idle_log, "delete": delete_records, "transactions": transactions,
         "leader": lambda: through("kafka-leader-moves", stopped), "kill": lambda: through("kafka-broker-killed", killed),
         "hang": lambda: through("kafka-broker-hangs", hung)}
for name in sys.argv[2:] or CASES:
    CASES[name]()
print(f"{len(failures)} different: {failures}" if failures else "nothing different")
sys.exit(1 if failures else 0)
