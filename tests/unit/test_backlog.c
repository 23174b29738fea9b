// SPDX-License-Identifier: BSD-3-Clause
#include "worker/backlog.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROOM 4096

/* What the driver says of its queue. */
static uint16_t waiting;
static bool is_silent;
static unsigned asked;

int ss_port_has_waiting(const struct ss_port *port, uint16_t queue, uint16_t packets)
{
    (void)port;
    (void)queue;
    asked++;
    return is_silent ? -ENOTSUP : waiting >= packets;
}

/* Of a queue that has given so many full bursts, and then one of count packets. */
static enum ss_shed shed_after(unsigned bursts, unsigned count)
{
    struct ss_port port = {.queue_room = ROOM};
    struct ss_queue_ref queue = {.port = &port};

    asked = 0;
    for (unsigned i = 0; i < bursts; i++)
        ss_backlog_of_queue(&queue, SS_WORKER_BURST);
    return ss_backlog_of_queue(&queue, count);
}

static void what_is_shed_follows_from_how_much_of_the_room_is_used(void **state)
{
    (void)state;
    static const struct {
        uint32_t waiting;
        enum ss_shed shed;
    } ROWS[] = {{0, SS_SHED_NOTHING}, {2047, SS_SHED_NOTHING}, {2048, SS_SHED_BULK},
                {3071, SS_SHED_BULK}, {3072, SS_SHED_NEW},     {4096, SS_SHED_NEW}};

    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++)
        assert_int_equal(ss_shed_of(ROWS[i].waiting, ROOM), ROWS[i].shed);
}

static void a_queue_is_not_asked_before_so_many_packets_came_that_they_could_wait(void **state)
{
    (void)state;
    waiting = ROOM;
    is_silent = false;
    assert_int_equal(shed_after(ROOM / 2 / SS_WORKER_BURST - 2, SS_WORKER_BURST), SS_SHED_NOTHING);
    assert_int_equal(asked, 0);
    assert_int_equal(shed_after(ROOM / 2 / SS_WORKER_BURST - 1, SS_WORKER_BURST), SS_SHED_NEW);
}

static void what_waits_in_a_queue_decides(void **state)
{
    (void)state;
    is_silent = false;
    waiting = ROOM / 2 - 1;
    assert_int_equal(shed_after(ROOM, SS_WORKER_BURST), SS_SHED_NOTHING);
    waiting = ROOM / 2;
    assert_int_equal(shed_after(ROOM, SS_WORKER_BURST), SS_SHED_BULK);
    waiting = ROOM / 4 * 3;
    assert_int_equal(shed_after(ROOM, SS_WORKER_BURST), SS_SHED_NEW);
}

static void of_a_queue_that_cannot_tell_new_connections_are_never_shed(void **state)
{
    (void)state;
    is_silent = true;
    assert_int_equal(shed_after(ROOM, SS_WORKER_BURST), SS_SHED_BULK);
}

static void a_queue_that_was_empty_is_well_at_once(void **state)
{
    (void)state;
    is_silent = true;
    assert_int_equal(shed_after(ROOM, SS_WORKER_BURST - 1), SS_SHED_NOTHING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_shed_follows_from_how_much_of_the_room_is_used),
        cmocka_unit_test(a_queue_is_not_asked_before_so_many_packets_came_that_they_could_wait),
        cmocka_unit_test(what_waits_in_a_queue_decides),
        cmocka_unit_test(of_a_queue_that_cannot_tell_new_connections_are_never_shed),
        cmocka_unit_test(a_queue_that_was_empty_is_well_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
