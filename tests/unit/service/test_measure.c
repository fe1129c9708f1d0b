/* SPDX-License-Identifier: Apache-2.0 */
/* Every operation and every error has its place among the metrics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/metric.h"
#include "service/core.h"
#include "service/errors_kms.h"
#include "service/operation.h"
#include "service/work.h"

#define OPERATIONS_MAX 95 /* the last place is for what is no operation */

static struct service service;

/* Counts one call and tells which of the metric's series moved. */
static void count(const struct operation *operation, enum err_code code, size_t at)
{
	struct call_work work = {.service = &service, .operation = operation};
	size_t result = service.measure.results[code];
	uint64_t before = metric_get(METRIC_REQUESTS, at, result);
	work.failure = code == E_OK ? OK : ERR((uint16_t)code);
	work.began_ns = metric_now_ns();
	measure_call(&work);
	assert_int_equal(metric_get(METRIC_REQUESTS, at, result), before + 1);
	assert_int_equal(metric_get(METRIC_REQUEST_TIME, at, 0), before + 1);
}

static void every_operation_has_a_series(void **state)
{
	(void)state;
	size_t at = 0;
	for (; operation_at(at) != NULL; at++)
		count(operation_at(at), E_OK, at);
	assert_true(at > 10 && at < OPERATIONS_MAX);
	count(NULL, E_OK, OPERATIONS_MAX);
}

/* Two errors count as one result exactly when clients see one name. */
static void every_error_counts_as_what_clients_see(void **state)
{
	(void)state;
	const uint8_t *results = service.measure.results;
	assert_int_equal(results[E_OK], 0);
	for (uint16_t a = E_OK + 1; a < ERR_CODE_COUNT; a++) {
		assert_true(results[a] > 0 && results[a] < 63);
		for (uint16_t b = E_OK + 1; b < a; b++)
			assert_int_equal(results[a] == results[b],
					 strcmp(error_kms_of(ERR(a))->type,
						error_kms_of(ERR(b))->type) == 0);
	}
}

static void failed_authentication_has_its_reasons(void **state)
{
	(void)state;
	uint64_t before = metric_get(METRIC_AUTH_FAILURES, 3, 0);
	measure_unauthenticated(ERR(E_AUTH_SIGNATURE));
	assert_int_equal(metric_get(METRIC_AUTH_FAILURES, 3, 0), before + 1);
	measure_unauthenticated(ERR(E_HSM_AWAY)); /* none of the caller's */
	assert_int_equal(metric_get(METRIC_AUTH_FAILURES, 7, 0), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_operation_has_a_series),
		cmocka_unit_test(every_error_counts_as_what_clients_see),
		cmocka_unit_test(failed_authentication_has_its_reasons),
	};
	measure_init(&service.measure);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
