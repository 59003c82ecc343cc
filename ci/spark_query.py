"""A pipeline file as a query of a real Spark: what `aftershock stream` does, by PySpark, Kafka and Delta.

    spark_query.py PIPELINE.json --bootstrap HOST:PORT [--root DIR] [--set option=value]... [--once] [--progress FILE]

The options mean what they mean to `aftershock stream`. Runs until the query ends (--once) or until it is killed."""
import argparse
import glob
import json
import os
import pathlib
import re
import sys

HOME = pathlib.Path(__file__).resolve().parent.parent / "build/conformance"
UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "min": "minutes", "h": "hours"}  # "10s", which Spark does not know
KAFKA_OPTIONS = ("startingOffsets", "failOnDataLoss", "maxOffsetsPerTrigger", "minPartitions")
SQL_TYPES = {"timestamp": "TIMESTAMP", "string": "STRING", "int": "INT", "long": "BIGINT", "double": "DOUBLE", "boolean": "BOOLEAN"}


QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"  # for tests: half of a short run is the JVM compiling


def session(cores=2, memory="1g", java=QUICK):
    """A local Spark with Delta and the Kafka source. Everything it writes is below build/conformance."""
    from pyspark.sql import SparkSession
    jars = ",".join(sorted(glob.glob(str(HOME / "spark/*.jar"))))
    scratch = HOME / "spark-scratch"
    builder = SparkSession.builder.master(f"local[{cores}]").appName("conformance")
    fixed = {"spark.jars": jars, "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false",
             "spark.databricks.delta.snapshotPartitions": "2", "spark.driver.memory": memory, "spark.driver.host": "127.0.0.1",
             "spark.driver.bindAddress": "127.0.0.1", "spark.local.dir": str(scratch), "spark.sql.warehouse.dir": str(scratch / "warehouse"),
             "spark.sql.session.timeZone": "UTC", "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
             "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
             "spark.driver.extraJavaOptions": f"-Dderby.system.home={scratch} {java}"}
    for key, value in fixed.items():
        builder = builder.config(key, value)
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def with_options(pipeline, options):
    """The pipeline with `--set` options in the places where a file has them."""
    pipeline = json.loads(json.dumps(pipeline))
    for name, value in options.items():
        if name in KAFKA_OPTIONS or name.startswith("kafka."):
            pipeline["source"].setdefault("options", {})[name] = value
        elif name == "processingTime":
            pipeline["trigger"] = {"processingTime": value}
        else:
            pipeline.setdefault("options", {})[name] = value
    return pipeline


def column(item):
    from pyspark.sql import functions as f
    if isinstance(item, str):
        return f.col(item)
    if "window" in item:
        window = item["window"]
        return f.window(window["timeColumn"], window["windowDuration"], window.get("slideDuration"))
    return f.expr(item["is"]).alias(item["as"])


def frame(spark, pipeline, bootstrap):
    """The rows that the sink gets."""
    from pyspark.sql import functions as f
    source = pipeline["source"]
    reader = spark.readStream.format("kafka").option("kafka.bootstrap.servers", bootstrap).option("subscribe", source["subscribe"])
    for name, value in source.get("options", {}).items():
        if name != "kafka.bootstrap.servers":
            reader = reader.option(name, str(value).lower() if isinstance(value, bool) else value)
    schema = ", ".join(f"`{name}` {SQL_TYPES[kind]}" for name, kind in source["schema"].items())
    record = f.from_json(f.col("value").cast("string"), schema, {"mode": source.get("mode", "PERMISSIVE")})
    rows = reader.load().select(record.alias("record")).select("record.*")
    if "filter" in pipeline:
        rows = rows.where(pipeline["filter"])
    if "withWatermark" in pipeline:
        rows = rows.withWatermark(pipeline["withWatermark"]["eventTime"], pipeline["withWatermark"]["delayThreshold"])
    if "groupBy" in pipeline:
        rows = rows.groupBy(*map(column, pipeline["groupBy"])).agg(*map(column, pipeline["agg"]))
    if "select" in pipeline:
        rows = rows.select(*map(column, pipeline["select"]))
    return rows


left_in_session = set()  # options that a query has set, of the one session


def start(spark, pipeline, bootstrap, root="", once=True):
    """Start the query on the pipeline's checkpoint and table, below `root`."""
    while left_in_session:  # by an earlier query
        spark.conf.unset(left_in_session.pop())
    for name, value in pipeline.get("options", {}).items():
        if name.startswith("spark.sql."):
            spark.conf.set(name, str(value).lower() if isinstance(value, bool) else value)
            left_in_session.add(name)
    writer = frame(spark, pipeline, bootstrap).writeStream.format("delta").outputMode(pipeline["sink"]["outputMode"])
    writer = writer.option("checkpointLocation", str(root) + pipeline["options"]["checkpointLocation"])
    trigger = {"availableNow": True} if once else {"processingTime": interval(pipeline["trigger"]["processingTime"])}
    return writer.trigger(**trigger).start(str(root) + pipeline["sink"]["path"])


def interval(text):
    short = re.fullmatch(r"(\d+)\s*([a-z]+)", text)
    return f"{short[1]} {UNITS.get(short[2], short[2])}" if short else text


def write_progress(query, file):
    """Every batch that Spark has told of and that is not written yet."""
    for progress in query.recentProgress:
        if progress["batchId"] >= write_progress.next:
            write_progress.next = progress["batchId"] + 1
            file.write(progress.json + "\n")
            file.flush()


write_progress.next = 0


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("pipeline")
    arguments.add_argument("--bootstrap", required=True)
    arguments.add_argument("--root", default="")
    arguments.add_argument("--set", action="append", default=[])
    arguments.add_argument("--once", action="store_true")
    arguments.add_argument("--progress", default=os.devnull)
    arguments.add_argument("--cores", type=int, default=2)
    arguments.add_argument("--memory", default="1g")
    arguments.add_argument("--java", default=QUICK)
    arguments = arguments.parse_args()
    options = dict(option.split("=", 1) for option in arguments.set)
    pipeline = with_options(json.loads(pathlib.Path(arguments.pipeline).read_text()), options)
    spark = session(arguments.cores, arguments.memory, arguments.java)
    with open(arguments.progress, "a") as file:
        query = start(spark, pipeline, arguments.bootstrap, arguments.root, arguments.once)
        while not query.awaitTermination(1):
            write_progress(query, file)
        write_progress(query, file)


if __name__ == "__main__":
    main()
