/* SPDX-License-Identifier: Apache-2.0 */
/* From the body of a request to work->in: parse, validate against the row's schema, take apart. */
#ifndef HOLDFAST_SERVICE_INPUT_H
#define HOLDFAST_SERVICE_INPUT_H

#include "service/operation.h"

/* The whole step, for work->operation. May run twice. E_SERIALIZATION, E_VALIDATION, ... */
NODISCARD struct err input_decode(struct call_work *work);

/* Members of the body; absent ones are empty, NULL, false or `otherwise`. */
const struct json *input_member(const struct call_work *work, const char *name);
struct view input_text(const struct call_work *work, const char *name);
int64_t input_integer(const struct call_work *work, const char *name, int64_t otherwise);
bool input_bool(const struct call_work *work, const char *name);

/* Whether the operation has this member at all: others are ignored, whatever stands in them. */
bool input_declares(const struct call_work *work, const char *name);

/* A blob into a buffer, or straight into locked memory. *out: secret_free(). E_SERIALIZATION. */
NODISCARD struct err input_blob(struct call_work *work, const char *name, struct buf *out);
NODISCARD struct err input_secret(struct call_work *work, const char *name, struct secret **out);

/* E_UNSUPPORTED_OPERATION when the member is there: part of the model, not built. */
NODISCARD struct err input_refuse_member(struct call_work *work, const char *name);

#endif
