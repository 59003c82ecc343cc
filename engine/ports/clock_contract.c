#include "engine/ports/clock_contract.h"

#include "engine/base/units.h"

enum { SLEEPERS = 3 };

struct night {
    const struct ports *ports;
    int64_t until_us[SLEEPERS];
    int order[SLEEPERS];
    int count;
    bool early;
};

struct sleeper {
    struct night *night;
    int number;
};

static void sleeps(void *argument)
{
    const struct sleeper *sleeper = argument;
    struct night *night = sleeper->night;
    const struct clock_port *clock = &night->ports->clock;
    clock_sleep_until(clock, night->until_us[sleeper->number]);
    night->early = night->early || clock_now_us(clock) < night->until_us[sleeper->number];
    night->order[night->count++] = sleeper->number;
}

static void spawn_sleepers(struct night *night, struct sleeper sleepers[SLEEPERS])
{
    for (int i = 0; i < SLEEPERS; i++) {
        sleepers[i] = (struct sleeper){.night = night, .number = i};
        (void)fibers_spawn(&night->ports->fibers, sleeps, &sleepers[i]);
    }
}

/* Compute until the clock says `until_us`. */
static void compute(const struct clock_port *clock, int64_t until_us)
{
    while (clock_now_us(clock) < until_us) {
        clock_spend(clock, SPEND_ROWS_MAX, 1 << 16);
    }
}

/* ---- cases ----------------------------------------------------------------------------------- */

static void reads_the_clock(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    int64_t last_us = clock_now_us(&ports->clock);
    promise(c, last_us > 946684800 * US_PER_SECOND); /* this century: microseconds since 1970 */
    for (int i = 0; i < 1000; i++) {
        int64_t now_us = clock_now_us(&ports->clock);
        promise(c, now_us >= last_us);
        last_us = now_us;
        clock_spend(&ports->clock, i % 3 == 0, i);
        if (i % 100 == 0) {
            clock_sleep_until(&ports->clock, now_us + 500);
        }
    }
}

static void check_forward(struct contract *c)
{
    c->run(c->self, reads_the_clock, c);
}

static void sleeps_a_little(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    const struct clock_port *clock = &ports->clock;
    static const int64_t lengths_us[] = {1, 7, 999, 1000, 1001, 12345};
    for (size_t i = 0; i < sizeof lengths_us / sizeof lengths_us[0]; i++) {
        int64_t until_us = clock_now_us(clock) + lengths_us[i];
        clock_sleep_until(clock, until_us);
        promise(c, clock_now_us(clock) >= until_us);
    }
    int64_t before_us = clock_now_us(clock);
    clock_sleep_until(clock, before_us - 1);
    clock_sleep_until(clock, 0);
    clock_sleep_until(clock, -1);
    clock_sleep_until(clock, INT64_MIN);
    promise(c, clock_now_us(clock) < before_us + US_PER_SECOND);
}

static void check_sleep(struct contract *c)
{
    c->run(c->self, sleeps_a_little, c);
}

static void sleeps_beside_others(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    int64_t now_us = clock_now_us(&ports->clock);
    struct sleeper sleepers[SLEEPERS];
    struct night night = {.ports = ports,
                          .until_us = {now_us + 40000, now_us + 5000, now_us + 20000}};
    spawn_sleepers(&night, sleepers);
    clock_sleep_until(&ports->clock, now_us + 80000);
    promise(c, night.count == SLEEPERS);
    promise(c, night.order[0] == 1 && night.order[1] == 2 && night.order[2] == 0);
    promise(c, !night.early);
}

static void check_beside(struct contract *c)
{
    c->run(c->self, sleeps_beside_others, c);
}

static void oversleeps(void *argument)
{
    struct night *night = argument;
    const struct clock_port *clock = &night->ports->clock;
    int64_t until_us = clock_now_us(clock) + 20000;
    clock_sleep_until(clock, until_us);
    night->early = clock_now_us(clock) < until_us;
    night->count = fibers_park(&night->ports->fibers, clock_now_us(clock) + US_PER_SECOND) ? 1 : -1;
}

static void wakes_a_sleeper(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    struct night night = {.ports = ports};
    struct fiber *fiber = fibers_spawn(&ports->fibers, oversleeps, &night);
    clock_sleep_until(&ports->clock, clock_now_us(&ports->clock) + 5000);
    fibers_wake(&ports->fibers, fiber);
    clock_sleep_until(&ports->clock, clock_now_us(&ports->clock) + 100000);
    promise(c, !night.early);
    promise(c, night.count == 1);
}

static void check_wake(struct contract *c)
{
    c->run(c->self, wakes_a_sleeper, c);
}

static void flags(void *argument)
{
    struct night *night = argument;
    night->count++;
}

static void spends(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    struct night ready = {.ports = ports};
    (void)fibers_spawn(&ports->fibers, flags, &ready);
    promise(c, ready.count == 0);
    clock_spend(&ports->clock, SPEND_ROWS_MAX, 1 << 20);
    promise(c, ready.count == 1);

    int64_t now_us = clock_now_us(&ports->clock);
    struct sleeper sleepers[SLEEPERS];
    struct night night = {.ports = ports,
                          .until_us = {now_us + 20000, now_us + 40000, now_us + 2000}};
    spawn_sleepers(&night, sleepers);
    compute(&ports->clock, now_us + 60000);
    clock_spend(&ports->clock, SPEND_ROWS_MAX, 1 << 20);
    promise(c, night.count == SLEEPERS);
    promise(c, night.order[0] == 2 && night.order[1] == 0 && night.order[2] == 1);
    promise(c, !night.early);
}

static void check_spend(struct contract *c)
{
    c->run(c->self, spends, c);
}

const struct contract_case clock_contract[] = {
    {"time goes forward", check_forward},
    {"a sleep ends in time, one into the past at once", check_sleep},
    {"sleepers wake in the order of their times", check_beside},
    {"a wake neither ends a sleep nor is lost", check_wake},
    {"who computes lets the others run", check_spend},
};
const size_t clock_contract_count = sizeof clock_contract / sizeof clock_contract[0];
