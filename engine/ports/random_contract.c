#include "engine/ports/random_contract.h"

#include <ctype.h>

enum { DRAWS = 6 };

/* Draws that differ in one thing each from the first. */
static void draw_all(const struct ports *ports, uint64_t out[DRAWS])
{
    const struct random_port *random = &ports->random;
    out[0] = random_draw(random, "label", 1, 2);
    out[1] = random_draw(random, "labels", 1, 2);
    out[2] = random_draw(random, "label", 3, 2);
    out[3] = random_draw(random, "label", 1, 3);
    out[4] = random_draw(random, "label", 2, 1);
    out[5] = random_draw(random, "", 1, 2);
}

static void draws_again(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    uint64_t first[DRAWS];
    uint64_t second[DRAWS];
    draw_all(ports, first);
    for (uint64_t i = 0; i < 100; i++) { /* other draws shift nothing */
        (void)random_draw(&ports->random, "other", i, i);
    }
    draw_all(ports, second);
    for (int i = 0; i < DRAWS; i++) {
        promise(c, first[i] == second[i]);
        for (int j = 0; j < i; j++) {
            promise(c, first[i] != first[j]);
        }
    }
}

static void check_pure(struct contract *c)
{
    c->run(c->self, draws_again, c);
}

static void leaves_a_draw(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    int at = c->left[0] == 0 ? 1 : 2;
    c->left[at] = (int64_t)random_draw(&ports->random, "label", 1, 2);
    c->left[0] = at;
}

static void check_incarnations(struct contract *c)
{
    c->run(c->self, leaves_a_draw, c);
    c->run(c->self, leaves_a_draw, c);
    promise(c, c->left[0] == 2);
    promise(c, c->left[1] != c->left[2]);
}

/* Each of 64 bits is set in about half of the draws: 200 to 312 of 512 is 5 deviations wide. */
static void draws_many(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    for (int bit = 0; bit < 64; bit++) {
        int set = 0;
        for (uint64_t i = 0; i < 512; i++) {
            set += (int)(random_draw(&ports->random, "bits", i, 7) >> bit & 1);
        }
        promise(c, set >= 200 && set <= 312);
    }
}

static void check_bits(struct contract *c)
{
    c->run(c->self, draws_many, c);
}

static void makes_uuids(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    char first[UUID_TEXT_SIZE];
    char again[UUID_TEXT_SIZE];
    char other[UUID_TEXT_SIZE];
    random_uuid(&ports->random, "query", 1, 2, first);
    random_uuid(&ports->random, "query", 1, 2, again);
    random_uuid(&ports->random, "query", 2, 2, other);
    promise(c, strcmp(first, again) == 0);
    promise(c, strcmp(first, other) != 0);
    promise(c, strlen(first) == 36);
    for (size_t i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        promise(c, dash ? first[i] == '-' : isxdigit((unsigned char)first[i]) != 0);
    }
    promise(c, first[14] == '4');                  /* version: random */
    promise(c, strchr("89ab", first[19]) != NULL); /* variant: RFC 4122 */
}

static void check_uuids(struct contract *c)
{
    c->run(c->self, makes_uuids, c);
}

const struct contract_case random_contract[] = {
    {"a draw depends on what names it, and on nothing else", check_pure},
    {"another incarnation draws something else", check_incarnations},
    {"every bit is drawn", check_bits},
    {"a UUID is one of version 4, and its name's", check_uuids},
};
const size_t random_contract_count = sizeof random_contract / sizeof random_contract[0];
