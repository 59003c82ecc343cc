"""Topics and records of a real Kafka, for conformance tests: by the client of PyPI (confluent-kafka), not by the engine's."""
import itertools
import time

from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic


def admin(bootstrap):
    return AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})


def create_topic(bootstrap, topic, partitions, replicas=1, **settings):
    """A new, empty topic whose partitions all have leaders on return."""
    client = admin(bootstrap)
    config = {name.replace("_", "."): str(value) for name, value in settings.items()}
    new = NewTopic(topic, num_partitions=partitions, replication_factor=replicas, config=config)
    client.create_topics([new])[topic].result(30)
    for _ in range(300):
        found = client.list_topics(topic, timeout=10).topics[topic].partitions
        if len(found) == partitions and all(each.leader >= 0 and len(each.isrs) == replicas for each in found.values()):
            return
        time.sleep(0.1)
    raise TimeoutError(f"topic {topic} has no leaders")


def produce(bootstrap, topic, records, **settings):
    """Write (partition, value, timestamp in ms or None), each acknowledged by all replicas on return."""
    failed = []
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "linger.ms": 5, "log_level": 0,
                         **{name.replace("_", "."): value for name, value in settings.items()}})
    for partition, value, timestamp in records:
        extra = {} if timestamp is None else {"timestamp": timestamp}
        while True:
            try:
                producer.produce(topic, value, partition=partition, on_delivery=lambda error, _: error and failed.append(error), **extra)
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    left = producer.flush(60)
    if left or failed:
        raise OSError(f"{topic}: {left} records without an answer, {len(failed)} refused: {failed[:1]}")


def round_robin(lines, partitions, first=0):
    """Records as the simulator's workload deals them: record i goes to partition i mod n."""
    return ((i % partitions, line, None) for i, line in zip(itertools.count(first), lines))


def delete_records(bootstrap, topic, partition, offset):
    """Kafka's DeleteRecords: what is below `offset` is gone on return."""
    where = TopicPartition(topic, partition, offset)
    client = admin(bootstrap)  # must outlive its futures
    for future in client.delete_records([where]).values():
        future.result(30)


def alter_topic(bootstrap, topic, **settings):
    from confluent_kafka.admin import AlterConfigOpType, ConfigEntry
    entries = [ConfigEntry(name.replace("_", "."), str(value), incremental_operation=AlterConfigOpType.SET)
               for name, value in settings.items()]
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=entries)
    client = admin(bootstrap)
    for future in client.incremental_alter_configs([resource]).values():
        future.result(30)


def leader(bootstrap, topic, partition):
    return admin(bootstrap).list_topics(topic, timeout=10).topics[topic].partitions[partition].leader
