/* SPDX-License-Identifier: Apache-2.0 */
/* What AssumeRole and CreateSession take alike: shapes, and the rules that no schema says. */
#ifndef HOLDFAST_SERVICE_SESSION_INPUT_H
#define HOLDFAST_SERVICE_SESSION_INPUT_H

#include "service/operation.h"

extern const struct schema_shape shape_role_session_name;
extern const struct schema_shape shape_session_policy;
extern const struct schema_shape shape_session_seconds;

/* Letters and digits of ASCII, and `marks`. */
bool session_input_is_word(struct view value, struct view marks);

/* Policy, when it is there: it must compile. E_KMS_MALFORMED_POLICY with what is wrong,
 * E_VALIDATION. */
NODISCARD struct err session_input_check_policy(struct call_work *work);

/* DurationSeconds, or an hour, within what the role of work->out.identity allows; `chained`: the
 * caller is a session of a role itself. E_VALIDATION. */
NODISCARD struct err session_input_seconds(struct call_work *work, bool chained, int64_t *out);

/* arn:<partition>:sts::<account>:assumed-role/<role>/<session>. E_BOUNDS. */
NODISCARD struct err session_input_arn(const struct call_work *work,
				       const struct auth_identity *role, struct view session,
				       char out[AUTH_ARN_MAX + 1]);

/* Puts begin and end, makes the credentials, with Policy, into work->out.session, and stores them.
 * Blocks. What sessions.h says. */
NODISCARD struct err session_input_make(struct call_work *work, struct auth_principal *principal,
					int64_t seconds);

#endif
