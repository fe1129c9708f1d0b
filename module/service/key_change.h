/* SPDX-License-Identifier: Apache-2.0 */
/* What every operation shares that changes the row of one key. */
#ifndef HOLDFAST_SERVICE_KEY_CHANGE_H
#define HOLDFAST_SERVICE_KEY_CHANGE_H

#include "service/operation.h"

/*
 * Changes keys[0], in the store and in memory, on the row as it stands now and not on what memory
 * says: its state is checked again, `apply` changes the copy, and the whole is repeated when
 * somebody else was faster. `apply` sets *changed to false when the key is as wanted already:
 * nothing is stored then. It may run several times; what it allocates replaces a field of the key
 * and is freed with it. Afterwards work->out.made is the key as it is now. Blocks. What `apply`
 * and the store answer.
 */
typedef struct err key_change_fn(struct call_work *work, struct kms_key *key, bool *changed);
NODISCARD struct err key_change(struct call_work *work, key_change_fn *apply);

/* responseElements of a change whose reply is empty: the ARN of keys[0], as CloudTrail has it. */
void key_change_audit(struct call_work *work, struct json_out *out);

#endif
