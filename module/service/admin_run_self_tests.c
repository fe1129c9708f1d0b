/* SPDX-License-Identifier: Apache-2.0 */
/* Admin operation RunSelfTests: the known answers, and what the token must do, now. Changes
 * nothing. */
#include "base/metric.h"
#include "service/core.h"
#include "service/key_evidence.h"
#include "service/operation.h"
#include "service/self_test.h"

static const struct schema_member members[] = {{NULL, NULL, false}};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static void write_test(struct service *service, const struct self_test *test, struct json_out *out)
{
	int64_t began_ns = metric_now_ns();
	struct err e = test->run(service);
	json_out_begin_object(out, NULL);
	json_out_text(out, "Name", view_of_text(test->name));
	json_out_text(out, "Method", view_of_text(test->method));
	json_out_bool(out, "Passed", !err_failed(e));
	if (err_failed(e)) {
		json_out_text(out, "Error", view_of_text(err_name(e)));
		json_out_text(out, "Reason", view_of_text(err_meaning(e)));
	}
	json_out_integer(out, "Microseconds", (metric_now_ns() - began_ns) / 1000);
	json_out_end_object(out);
}

static void encode(struct call_work *work, struct json_out *out)
{
	struct service *service = work->service;
	const struct self_test *test;
	key_evidence_time(out, "RunAt", clock_real_ms(service->options.clock));
	json_out_begin_array(out, "Tests");
	for (size_t i = 0; (test = self_test_at(i)) != NULL; i++)
		write_test(service, test, out);
	json_out_end_array(out);
}

const struct operation admin_run_self_tests = {
	.name = "RunSelfTests",
	.door = CALL_DOOR_ADMIN,
	.flags = OPERATION_BLOCKS,
	.read_only = true,
	.input = &input,
	.keys = {{.action = "holdfast:RunSelfTests"}},
	.encode = encode,
};
