/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions, row by row, and whether each holds in the context of policy_context.h. */
#ifndef HOLDFAST_TESTS_POLICY_ROW_H
#define HOLDFAST_TESTS_POLICY_ROW_H

#include "policy_context.h"
#include "policy_example.h"

struct row {
	bool holds;
	const char *condition;
};

static UNUSED void check(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (holds(rows[i].condition, &full_context) != rows[i].holds)
			fail_msg("%s is expected to be %s", rows[i].condition,
				 rows[i].holds ? "true" : "false");
}

#endif
