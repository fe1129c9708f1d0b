/* SPDX-License-Identifier: Apache-2.0 */
/* Admin operation DescribeClock: whether the clock is trusted by what destroys. Changes nothing. */
#include "service/clock_reply.h"
#include "service/operation.h"

static const struct schema_member members[] = {{NULL, NULL, false}};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

const struct operation admin_describe_clock = {
	.name = "DescribeClock",
	.door = CALL_DOOR_ADMIN,
	.flags = OPERATION_BLOCKS, /* the store may be at the mark */
	.read_only = true,
	.input = &input,
	.keys = {{.action = "holdfast:DescribeClock"}},
	.encode = clock_reply_encode,
};
