/* The state's files: state-before-commit, state-rows, state-partition (spark-checkpoint 1.0, 1.8,
 * 1.9, 1.15 A10 to A15). What holds a whole version is judged in state_snapshots.c.
 *
 * A delta (RocksDB: a changelog) is judged once, when the sink has committed its batch: only then
 * is it known what the batch read. By induction over the versions it is enough to hold its records
 * against the oracle's changes of that one batch. */
#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "sim/check/checks_internal.h"
#include "sim/check/state_reader.h"
#include "sim/check/state_row.h"

static const char *
path_of(struct checks *checks, int64_t partition, int64_t version, enum state_file kind)
{
    return state_file_name_of(&checks->scratch, checks->checkpoint, partition, version, kind);
}

enum state_file state_changes_kind(const struct check_query *query)
{
    return query->rocksdb ? STATE_FILE_CHANGELOG : STATE_FILE_DELTA;
}

enum state_file state_whole_kind(const struct check_query *query)
{
    return query->rocksdb ? STATE_FILE_ZIP : STATE_FILE_SNAPSHOT;
}

static struct check_state *states_of(struct check_query *query)
{
    if (query->states == NULL) {
        size_t size = (size_t)query->partitions * sizeof *query->states;
        query->states = heap_alloc(size);
        memset(query->states, 0, size);
    }
    return query->states;
}

/* The record of a file, made when it is new. */
static struct check_state_file *
file_made(struct check_state *state, int64_t version, enum state_file kind)
{
    size_t count = (size_t)version + 1;
    if (count > state->version_count) {
        state->deltas =
            checks_room(state->deltas, &state->delta_capacity, count, sizeof *state->deltas);
        state->snapshots = checks_room(
            state->snapshots, &state->snapshot_capacity, count, sizeof *state->snapshots);
        size_t more = (count - state->version_count) * sizeof *state->deltas;
        memset(&state->deltas[state->version_count], 0, more);
        memset(&state->snapshots[state->version_count], 0, more);
        state->version_count = count;
    }
    return state_file_whole(kind) ? &state->snapshots[version] : &state->deltas[version];
}

struct check_state_file *state_file_known(const struct check_query *query,
                                          int64_t partition,
                                          int64_t version,
                                          enum state_file kind)
{
    bool there = query->states != NULL && partition < query->partitions && version >= 0 &&
                 (size_t)version < query->states[partition].version_count;
    if (!there) {
        return NULL;
    }
    const struct check_state *state = &query->states[partition];
    return state_file_whole(kind) ? &state->snapshots[version] : &state->deltas[version];
}

/* ---- one delta against the oracle's changes */

static const char *described(struct checks *checks, struct bytes key)
{
    const struct schema *schema = &oracle_pipeline(checks->oracle)->aggregation->key;
    struct value *cells = arena_alloc(&checks->scratch, (schema->count + 1) * sizeof *cells);
    struct buf text = {0};
    bool row = state_row_decode(schema, key, cells);
    buf_text(&text, row ? "(" : "no row: ");
    for (size_t i = 0; row && i < schema->count; i++) {
        buf_text(&text, i == 0 ? "" : ", ");
        value_describe(&cells[i], &text);
    }
    for (size_t i = 0; !row && i < key.size && i < 64; i++) {
        buf_printf(&text, "%02x", key.data[i]);
    }
    buf_text(&text, row ? ")" : "");
    char *copy = arena_copy(&checks->scratch, text.data, text.size);
    buf_free(&text);
    return copy;
}

/* The last record of each key in a delta. */
struct last_records {
    const struct state_record **slots;
    size_t mask;
};

static const struct state_record **slot_of(const struct last_records *last, struct bytes key)
{
    size_t at = hash_bytes(key.data, key.size) & last->mask;
    while (last->slots[at] != NULL && !bytes_equal(last->slots[at]->key, key)) {
        at = (at + 1) & last->mask;
    }
    return &last->slots[at];
}

static struct last_records index_records(struct arena *arena, const struct state_records *records)
{
    size_t size = 8;
    while (size < 2 * records->count) {
        size *= 2;
    }
    struct last_records last = {.mask = size - 1};
    last.slots = arena_alloc(arena, size * sizeof(struct state_record *));
    for (size_t i = 0; i < records->count; i++) {
        *slot_of(&last, records->records[i].key) = &records->records[i];
    }
    return last;
}

struct judgement {
    struct checks *checks;
    const struct oracle_stream *stream;
    int64_t version;
    enum state_file kind;      /* of files of changes */
    int64_t partition;         /* that is looked at */
    const char *path;          /* its delta */
    struct last_records *last; /* one a partition; no slots: not to be judged */
    struct buf value;          /* the oracle's, of one key */
};

static struct judgement
judgement_of(struct checks *checks, const struct check_query *query, int64_t version)
{
    struct judgement at = {.checks = checks,
                           .stream = query->stream,
                           .version = version,
                           .kind = state_changes_kind(query)};
    at.last = arena_alloc(&checks->scratch, (size_t)query->partitions * sizeof *at.last);
    return at;
}

/* `known`: the oracle's key, whose hash is there already; NULL: nobody expects it. */
static void
in_its_partition(const struct judgement *at, struct bytes row, const struct oracle_key *known)
{
    const struct schema *schema = &oracle_pipeline(at->checks->oracle)->aggregation->key;
    int32_t hash = known == NULL ? 0 : known->murmur;
    checks_count(at->checks, CHECK_STATE_PARTITION);
    if (known == NULL) {
        struct value *cells =
            arena_alloc(&at->checks->scratch, (schema->count + 1) * sizeof *cells);
        if (!state_row_decode(schema, row, cells)) {
            return; /* state-rows says so */
        }
        hash = state_row_hash(schema, cells);
    }
    int64_t partition = state_row_partition(hash, oracle_stream_partitions(at->stream));
    if (partition != at->partition) {
        checks_fail(at->checks,
                    CHECK_STATE_PARTITION,
                    "%s has the key %s, which hashes to partition %lld",
                    at->path,
                    described(at->checks, row),
                    (long long)partition);
    }
}

static void record_is_right(struct judgement *at, const struct state_record *record)
{
    const struct oracle_key *key = NULL;
    bool there = oracle_stream_find(at->stream, record->key, &key, &at->value);
    in_its_partition(at, record->key, there ? key : NULL);
    if (there != (record->value.data != NULL)) {
        checks_fail(at->checks,
                    CHECK_STATE_ROWS,
                    "%s %s the key %s, which is %s the state by the oracle",
                    at->path,
                    there ? "removes" : "has",
                    described(at->checks, record->key),
                    there ? "in" : "not in");
    } else if (there && !bytes_equal(record->value, buf_bytes(&at->value))) {
        checks_fail(at->checks,
                    CHECK_STATE_ROWS,
                    "%s has other buffers of the key %s than the oracle",
                    at->path,
                    described(at->checks, record->key));
    }
}

/* A change that the delta does not tell: a reader would go on with the old value. */
static void change_is_told(struct judgement *at, const struct oracle_change *change)
{
    int64_t partition =
        state_row_partition(change->key->murmur, oracle_stream_partitions(at->stream));
    const struct last_records *last = &at->last[partition];
    if (last->slots == NULL) {
        return;
    }
    const struct oracle_key *key = NULL;
    bool there = oracle_stream_find(at->stream, change->key->row, &key, &at->value);
    bool needed = there ? change->other : change->was;
    if (needed && *slot_of(last, change->key->row) == NULL) {
        checks_fail(at->checks,
                    CHECK_STATE_ROWS,
                    "%s does not %s the key %s",
                    path_of(at->checks, partition, at->version, at->kind),
                    there ? "have" : "remove",
                    described(at->checks, change->key->row));
    }
}

static void
judge_records(struct judgement *at, int64_t partition, const struct state_records *records)
{
    at->partition = partition;
    at->path = path_of(at->checks, partition, at->version, at->kind);
    at->last[partition] = index_records(&at->checks->scratch, records);
    const struct last_records *last = &at->last[partition];
    checks_count(at->checks, CHECK_STATE_ROWS);
    for (size_t i = 0; i <= last->mask; i++) {
        if (last->slots[i] != NULL) {
            record_is_right(at, last->slots[i]);
        }
    }
}

/* Behind all judge_records: a key that is in the wrong partition is told as that. */
static void judge_changes(struct judgement *at)
{
    size_t count = 0;
    const struct oracle_change *changes = oracle_stream_changes(at->stream, &count);
    for (size_t i = 0; i < count; i++) {
        change_is_told(at, &changes[i]);
    }
    buf_free(&at->value);
}

/* ---- what appears */

/* Over a delta that was judged only the same records may be written: a re-run is bit-equal. */
static void judge_again(struct checks *checks,
                        const struct check_query *query,
                        int64_t partition,
                        int64_t version,
                        struct bytes content)
{
    enum state_file kind = state_changes_kind(query);
    const char *path = path_of(checks, partition, version, kind);
    struct state_records records;
    const char *error = state_file_records(kind, content, &checks->scratch, &records);
    checks_count(checks, CHECK_STATE_ROWS);
    if (error != NULL) {
        checks_fail(checks, CHECK_STATE_ROWS, "%s is written again, not whole: %s", path, error);
    } else if (oracle_stream_next(query->stream) == version) {
        struct judgement at = judgement_of(checks, query, version);
        judge_records(&at, partition, &records);
        judge_changes(&at);
    } else {
        checks_fail(checks,
                    CHECK_STATE_ROWS,
                    "%s is written again with other bytes, though batch %lld is long in the table",
                    path,
                    (long long)version);
    }
}

/* Is it a file that the query's provider writes, of a partition that there is? */
static bool belongs(struct checks *checks,
                    const struct check_query *query,
                    const char *path,
                    enum state_file kind,
                    int64_t partition,
                    int64_t version)
{
    bool rocksdb = kind >= STATE_FILE_CHANGELOG;
    if (rocksdb != query->rocksdb) {
        checks_count(checks, CHECK_STATE_ROWS);
        checks_fail(checks,
                    CHECK_STATE_ROWS,
                    "%s is written, but by the query's first offsets its state is %s",
                    path,
                    query->rocksdb ? "in RocksDB" : "not in RocksDB");
        return false;
    }
    if (partition >= query->partitions || (kind != STATE_FILE_SST && version < 1) ||
        version > INT32_MAX) {
        checks_count(checks, CHECK_STATE_PARTITION);
        checks_fail(checks,
                    CHECK_STATE_PARTITION,
                    "%s is written, but by the query's first offsets its state has %lld partitions",
                    path,
                    (long long)query->partitions);
        return false;
    }
    return true;
}

void state_published(struct checks *checks,
                     const struct sim_process *by,
                     const char *path,
                     struct bytes content)
{
    int64_t partition = -1;
    int64_t version = -1;
    enum state_file kind = state_file_of(checks->checkpoint, path, &partition, &version);
    struct check_query *query = checks_current(checks);
    if (kind == STATE_FILE_OTHER || query == NULL || !checks_stateful(checks) ||
        query->partitions <= 0 || !belongs(checks, query, path, kind, partition, version) ||
        kind == STATE_FILE_SST) {
        return; /* an SST file is looked at with the zip that names it */
    }
    struct check_state_file *file = file_made(&states_of(query)[partition], version, kind);
    uint64_t hash = hash_bytes(content.data, content.size);
    bool same = file->hash == hash;
    bool again = file->judged && !same;
    file->present = true;
    file->hash = hash;
    if ((by == NULL && !fake_storage_late(checks->storage)) || same) {
        return; /* a crash undid a removal; or an attempt wrote what another one had */
    }
    if (state_file_whole(kind)) {
        file->judged = false;
        state_snapshot_published(checks, query, by, partition, version, content);
    } else if (again && !query->unstreamed) {
        judge_again(checks, query, partition, version, content);
    }
}

/* ---- before the batch is in the table */

/* A zip that lies there though nobody was seen to finish it: its writer died. It is looked at now,
 * when the batch relies on it. */
static void judge_unseen(struct checks *checks,
                         struct check_query *query,
                         int64_t partition,
                         int64_t version,
                         const char *path)
{
    const struct check_state_file *known =
        state_file_known(query, partition, version, STATE_FILE_ZIP);
    struct bytes content;
    if ((known != NULL && known->present) || checks_is_damaged(checks, path) ||
        !checks_look(checks, path, &content)) {
        return;
    }
    file_made(&states_of(query)[partition], version, STATE_FILE_ZIP)->present = true;
    state_snapshot_published(checks, query, NULL, partition, version, content);
}

/* Does something hold this version of a partition that would outlive a crash of all machines? If
 * not, `*path` is what is missed, and `*there` whether it can be seen at all. */
static bool holds(struct checks *checks,
                  struct check_query *query,
                  int64_t partition,
                  int64_t version,
                  const char **path,
                  bool *there)
{
    struct bytes content;
    *path = path_of(checks, partition, version, state_changes_kind(query));
    *there = checks_look(checks, *path, &content);
    if ((*there && checks_durable(checks, *path)) || checks_is_damaged(checks, *path)) {
        return true;
    }
    if (!query->rocksdb || *there) {
        return false;
    }
    *path = path_of(checks, partition, version, STATE_FILE_ZIP);
    judge_unseen(checks, query, partition, version, *path);
    return state_zip_durable(checks, query, partition, version, path, there);
}

void state_before_commit(struct checks *checks,
                         struct check_query *query,
                         int64_t batch,
                         const char *before)
{
    for (int64_t p = 0; p < query->partitions && checks_stateful(checks); p++) {
        const char *path = NULL;
        bool there = false;
        bool held = holds(checks, query, p, batch + 1, &path, &there);
        if (checks_is_damaged(checks, path)) {
            continue;
        }
        checks_count(checks, CHECK_STATE_BEFORE_COMMIT);
        if (!held) {
            checks_fail(checks,
                        CHECK_STATE_BEFORE_COMMIT,
                        "%s of batch %lld is there, but %s %s",
                        before,
                        (long long)batch,
                        path,
                        there ? "would not outlive a crash of all machines" : "is not");
            return;
        }
    }
}

static void judge_partition(struct judgement *at, struct check_query *query, int64_t partition)
{
    struct checks *checks = at->checks;
    const char *path = path_of(checks, partition, at->version, at->kind);
    struct bytes content;
    struct state_records records;
    if (checks_is_damaged(checks, path) || !checks_look(checks, path, &content)) {
        return;
    }
    const char *error = state_file_records(at->kind, content, &checks->scratch, &records);
    if (error != NULL) {
        checks_fail(checks, CHECK_STATE_BEFORE_COMMIT, "%s is not whole: %s", path, error);
        return;
    }
    struct check_state_file *file = file_made(&states_of(query)[partition], at->version, at->kind);
    file->present = true;
    file->judged = true;
    file->hash = hash_bytes(content.data, content.size);
    judge_records(at, partition, &records);
}

void state_judge(struct checks *checks, struct check_query *query, int64_t batch)
{
    if (!checks_stateful(checks) || query->partitions <= 0) {
        return;
    }
    state_before_commit(checks, query, batch, "the commit in the table");
    const struct oracle_stream *stream = stream_through(checks, query, batch);
    if (stream == NULL || oracle_stream_next(stream) != batch + 1) {
        return; /* the second commit of a batch: sink-once says so */
    }
    struct judgement at = judgement_of(checks, query, batch + 1);
    for (int64_t p = 0; p < query->partitions; p++) {
        judge_partition(&at, query, p);
    }
    judge_changes(&at);
    for (int64_t p = 0; p < query->partitions; p++) {
        state_snapshot_judge(checks, query, p, batch + 1);
    }
}
