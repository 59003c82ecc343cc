"""What a pipeline must have made of its records, by SQL (DuckDB) over the source, and tables and state as independent readers
see them. Of an engine's own words only the end offsets of its batches are used: watermarks, late records and open windows
are computed here."""
import json
import sys

import deltalake
import duckdb

import checkpoint_reader

TYPES = {"int": "INTEGER", "long": "BIGINT", "double": "DOUBLE", "string": "VARCHAR", "boolean": "BOOLEAN",
         "timestamp": "TIMESTAMPTZ"}
UNITS = {"second": 10**6, "minute": 60 * 10**6, "hour": 3600 * 10**6}


def microseconds(duration):
    count, unit = duration.split()
    return int(count) * UNITS[unit.rstrip("s")]


def connect():
    sql = duckdb.connect()
    sql.execute("set timezone = 'UTC'")
    return sql


def load_source(sql, path, lines, pipeline, ends):
    """Table `source`: the records that pass the filter, each with the batch whose end offsets cover it. Record i is in
    partition i mod n; `ends` are the end offsets by batch and partition; `path` is a scratch file."""
    partitions = len(next(iter(ends.values())))
    with path.open("w") as file:
        for i, line in enumerate(lines):
            batch = min(number for number, end in ends.items() if end[str(i % partitions)] > i // partitions)
            file.write(json.dumps({**json.loads(line), "batch_": batch}) + "\n")
    columns = {name: TYPES[kind] for name, kind in pipeline["source"]["schema"].items()} | {"batch_": "INTEGER"}
    sql.execute(f"create table source as select * from read_json('{path}', format='newline_delimited', columns={columns}) "
                f"where {pipeline.get('filter', 'true')}")


def load_watermarks(sql, pipeline, ends):
    """Table `watermarks`: of each batch what closes windows in it (the newest event time before it, less the delay), and
    what makes a record late in it (the watermark of the batch before)."""
    mark = pipeline["withWatermark"]
    sql.execute("create table batches (id integer)")
    sql.executemany("insert into batches values (?)", [[number] for number in ends])
    sql.execute(f"""create table watermarks as with seen as (
        select id, (select max(epoch_us({mark['eventTime']})) - {microseconds(mark['delayThreshold'])}
                    from source where batch_ < id) as newest from batches), marks as (
        select id, greatest(coalesce(newest, 0), 0) as closes from seen)
        select id, closes, coalesce(lag(closes) over (order by id), 0) as late from marks""")


def aggregate(text):
    """Spark's average adds doubles; DuckDB's of integers is exact."""
    return f"avg({text[4:-1]}::DOUBLE)" if text.startswith("avg(") else text


def groups(sql, pipeline):
    """SQL of the groups, the condition under which a group is in the table, and the columns of each."""
    keys, names, rows, closed = [], [], "select * from source", "true"
    for item in pipeline["groupBy"]:
        if isinstance(item, str) or "is" in item:
            keys.append(item if isinstance(item, str) else item["is"])
            names.append(item if isinstance(item, str) else item["as"])
            continue
        window = item["window"]
        length = microseconds(window["windowDuration"])
        slide = microseconds(window.get("slideDuration", window["windowDuration"]))
        time = f"epoch_us({window['timeColumn']})"
        rows = (f"select * from (select *, {time} - {time} % {slide} - step * {slide} as start_ from source, "
                f"range({length // slide}) as steps(step)) join watermarks on batch_ = id "
                f"where start_ + {length} > {time} and start_ + {length} > late")
        keys.append("start_")
        names.append("window")
        closed = f"start_ + {length} <= (select max(closes) from watermarks)"
        sql.execute(f"create macro window_(start_) as {{'start': make_timestamptz(start_), 'end': make_timestamptz(start_ + {length})}}")
    return rows, keys, names, closed


def expected(sql, pipeline):
    """The rows of the table by SQL, the names of its columns, and SQL of the state's rows (None: no state)."""
    if "groupBy" not in pipeline:
        items = [item if isinstance(item, str) else f"{item['is']} as {item['as']}" for item in pipeline["select"]]
        names = [item if isinstance(item, str) else item["as"] for item in pipeline["select"]]
        return sql.execute(f"select {', '.join(items)} from source").fetchall(), names, None
    rows, keys, names, closed = groups(sql, pipeline)
    group = [f'window_({key}) as "window"' if key == "start_" else f"{key} as {name}" for key, name in zip(keys, names)]
    aggregates = [f"{aggregate(item['is'])} as {item['as']}" for item in pipeline["agg"]]
    table = f"select {', '.join(group + aggregates)} from ({rows}) group by {', '.join(keys)} having {closed}"
    items = pipeline.get("select", names + [item["as"] for item in pipeline["agg"]])
    selected = [f'"{item}"' if isinstance(item, str) else f"{item['is'].replace('window', chr(34) + 'window' + chr(34))} as {item['as']}"
                for item in items]
    buffers = []
    for item in pipeline["agg"]:
        argument = item["is"][4:-1]
        buffers += [f"coalesce(sum({argument}::DOUBLE), 0)", f"count({argument})"] if item["is"].startswith("avg") else [item["is"]]
    open_ = "true" if pipeline["sink"]["outputMode"] == "complete" else f"not ({closed})"
    state = f"select {', '.join(keys + buffers)} from ({rows}) group by {', '.join(keys)} having {open_}"
    return (sql.execute(f"select {', '.join(selected)} from ({table})").fetchall(),
            [item if isinstance(item, str) else item["as"] for item in items], state)


def compute(path, lines, pipeline, ends):
    """The connection, the rows of the table, their columns, SQL of the state (or None); arguments as of load_source."""
    sql = connect()
    load_source(sql, path, lines, pipeline, ends)
    if "withWatermark" in pipeline:
        load_watermarks(sql, pipeline, ends)
    return (sql, *expected(sql, pipeline))


def ordered(rows):
    return sorted(tuple(str(value) for value in row) for row in rows)


def plain(row):
    """A state row as SQL gives it: a window is its start, a time a number of microseconds."""
    return [value[0] if isinstance(value, list) else value for part in row for value in part]


def cast(field):
    """A column for DuckDB: Spark writes times as INT96, which does not say that it counts from UTC."""
    text = str(field.type)
    kind = "TIMESTAMPTZ" if text.startswith("timestamp") else 'STRUCT("start" TIMESTAMPTZ, "end" TIMESTAMPTZ)' if text.startswith("struct") else None
    return f'"{field.name}"::{kind}' if kind else f'"{field.name}"'


def compare_table(table, want, names):
    """Are the rows those of SQL, read by two readers? Says what differs."""
    delta, sql = deltalake.DeltaTable(str(table)), connect()
    rust = delta.to_pyarrow_table(columns=names)
    columns = ", ".join(map(cast, rust.schema))
    paths = [str(table / uri.rsplit("/", 1)[1]) for uri in delta.file_uris()]
    found = {"delta-rs": sql.execute(f"select {columns} from rust").fetchall() if rust.num_rows else [],
             "DuckDB": sql.execute(f"select {columns} from read_parquet({paths})").fetchall()}
    delta.get_add_actions(flatten=True)
    same = len(want) > 0
    for reader, rows in found.items():
        if ordered(rows) != ordered(want):
            same = False
            for label, left, right in ((f"{reader} only", rows, want), ("SQL only", want, rows)):
                print("   ", label, sorted(set(ordered(left)) - set(ordered(right)))[:3] or "-", file=sys.stderr)
    counts = ", ".join(f"{reader} {len(rows)}" for reader, rows in found.items())
    print(f"  {'same rows' if same else 'DIFFERENT'}: {table.name}: SQL {len(want)}, {counts} rows; version {delta.version()}, "
          f"{len(paths)} files")
    return same


def wanted_state(sql, query):
    """The rows of the state that SQL says, as plain() gives those that were read."""
    want = sql.execute(query).fetchall()
    times = [hasattr(value, "timestamp") for value in (want[0] if want else [])]
    return [[round(value.timestamp() * 10**6) if time and value else value for value, time in zip(row, times)] for row in want]


def compare_state(sql, checkpoint, query):
    """Does every state file decode, with every key where it belongs, and is the newest version what SQL says?"""
    state = checkpoint_reader.State(checkpoint)
    want = wanted_state(sql, query)
    same = len(want) > 0 and ordered(want) == ordered(plain(row) for row in state.rows)
    if not same:
        print("    SQL", ordered(want)[:3], "state", ordered(plain(row) for row in state.rows)[:3], file=sys.stderr)
    print(f"    {'same state' if same else 'DIFFERENT state'}: SQL {len(want)}, read {len(state.rows)} rows; {state.deltas} deltas, "
          f"{state.snapshots} snapshots, {state.blocks} LZ4 blocks, {state.keys} keys in their partition, "
          f"{state.replayed} snapshots equal their deltas")
    return same
