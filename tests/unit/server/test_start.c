/* SPDX-License-Identifier: Apache-2.0 */
/* The order in which a server opens its doors: a stand-in for door_open() notes it. */
#include "server/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "server/door.h"

#define DOORS_MAX 8

static unsigned opened[DOORS_MAX];
static size_t opened_count;

struct err __wrap_door_open(const struct door_options *options, struct door **out);
void __wrap_door_close(struct door **door);
void __wrap_door_quiesce(struct door *door);

struct err __wrap_door_open(const struct door_options *options, struct door **out)
{
	static struct door door;
	assert_true(opened_count < DOORS_MAX);
	opened[opened_count++] = options->serves;
	*out = &door;
	return OK;
}

void __wrap_door_close(struct door **door)
{
	*door = NULL;
}

void __wrap_door_quiesce(struct door *door)
{
	(void)door;
}

static size_t position(unsigned serves)
{
	size_t at = 0;
	while (at < opened_count && opened[at] != serves)
		at++;
	return at;
}

/* Who hears that the service is ready comes at once, and must find somebody. */
static void nobody_hears_of_readiness_before_the_public_door_is_open(void **state)
{
	(void)state;
	int service = 0;
	struct server *server = NULL;
	const struct server_options options = {.service = (struct service *)(void *)&service,
					       .listen = "127.0.0.1:1",
					       .health_listen = "127.0.0.1:2",
					       .metrics_listen = "127.0.0.1:3"};
	assert_int_equal(server_start(&options, &server).code, E_OK);
	assert_int_equal(opened_count, 3);
	assert_true(position(DOOR_SERVES_PUBLIC) < position(DOOR_SERVES_HEALTH));
	assert_true(position(DOOR_SERVES_METRICS) < opened_count);
	server_stop(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_hears_of_readiness_before_the_public_door_is_open),
	};
	return cmocka_run_group_tests_name("server start", tests, NULL, NULL);
}
