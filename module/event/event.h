/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens to keys by itself, told to the outside in EventBridge's form (KMS Developer Guide,
 * "Monitor KMS keys with Amazon EventBridge").
 */
#ifndef HOLDFAST_EVENT_EVENT_H
#define HOLDFAST_EVENT_EVENT_H

#include "base/writer.h"

enum event_kind {
	EVENT_ROTATION = 1, /* KMS CMK Rotation */
	EVENT_DELETION,     /* KMS CMK Deletion */
	EVENT_EXPIRATION,   /* KMS Imported Key Material Expiration */
	EVENT_KIND_COUNT
};

#define EVENT_ID_LEN 36
#define EVENT_LINE_MAX 2048 /* bytes of one event as JSON */

/* Texts are borrowed. */
struct event {
	char id[EVENT_ID_LEN + 1]; /* of the audit record that tells the same */
	enum event_kind kind;
	int64_t time_ms;
	const char *account, *region;
	const char *key_arn, *key_id;
	/* Further members of `detail`, which AWS has for rotations; NULL: left out. */
	const char *key_origin, *rotation_type;
	const char *previous_material_id, *current_material_id;
};

/* detail-type; never NULL. */
const char *event_kind_name(enum event_kind kind);

/* Appends one line of JSON without its newline. E_BOUNDS. */
NODISCARD struct err event_write(const struct event *event, struct writer *out);

#endif
