/* SPDX-License-Identifier: Apache-2.0 */
#include "service/session_input.h"

#include "base/ascii.h"
#include "base/mem.h"
#include "base/text.h"
#include "service/core.h"
#include "service/identity_told.h"
#include "service/input.h"
#include "service/sessions.h"
#include "service/shapes.h"

#define MS_PER_S 1000

bool session_input_is_word(struct view value, struct view marks)
{
	return value.len == 0 || ascii_consists_of(value, ASCII_ALPHANUMERIC, marks);
}

static bool is_session_name(struct view value)
{
	return session_input_is_word(value, VIEW_LITERAL("_+=,.@-"));
}

static bool is_policy(struct view value)
{
	return shape_is_latin(value, true);
}

static const struct schema_pattern name_pattern = {"[\\w+=,.@-]*", is_session_name};
static const struct schema_pattern policy_pattern = {"[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+",
						     is_policy};

/* STS API: roleSessionNameType, sessionPolicyDocumentType, roleDurationSecondsType. */
const struct schema_shape shape_role_session_name = {.type = SCHEMA_STRING,
						     .has_min = true,
						     .min = 2,
						     .has_max = true,
						     .max = AUTH_SESSION_NAME_MAX,
						     .pattern = &name_pattern};
const struct schema_shape shape_session_policy = {.type = SCHEMA_STRING,
						  .has_min = true,
						  .min = 1,
						  .has_max = true,
						  .max = AUTH_SESSION_POLICY_MAX,
						  .pattern = &policy_pattern};
const struct schema_shape shape_session_seconds = {.type = SCHEMA_INTEGER,
						   .has_min = true,
						   .min = AUTH_SESSION_SECONDS_MIN,
						   .has_max = true,
						   .max = AUTH_SESSION_SECONDS_MAX};

NODISCARD struct err session_input_check_policy(struct call_work *work)
{
	CLEANUP(auth_policy_free) struct auth_policy *policy = NULL;
	char message[AUTH_POLICY_MESSAGE_MAX] = "";
	struct view document = input_text(work, "Policy");
	if (input_member(work, "Policy") == NULL)
		return OK;
	if (document.len > AUTH_SESSION_POLICY_MAX) /* the schema counts characters */
		return work_refuse(work, ERR(E_VALIDATION),
				   "The session policy is larger than %d bytes.",
				   AUTH_SESSION_POLICY_MAX);
	struct err e = auth_policy_compile(AUTH_POLICY_IDENTITY, document, &policy, message);
	if (err_is(e, E_KMS_MALFORMED_POLICY))
		return work_refuse(work, e, "%s", message);
	return e;
}

NODISCARD struct err session_input_seconds(struct call_work *work, bool chained, int64_t *out)
{
	int64_t seconds = input_integer(work, "DurationSeconds", AUTH_SESSION_SECONDS_DEFAULT);
	int64_t most = AUTH_SESSION_SECONDS_MAX;
	if (work->out.identity != NULL)
		most = MAX_OF((int64_t)work->out.identity->details.session_seconds_max,
			      (int64_t)AUTH_SESSION_SECONDS_DEFAULT);
	if (chained && seconds > AUTH_SESSION_SECONDS_DEFAULT)
		return work_refuse(work, ERR(E_VALIDATION),
				   "The requested DurationSeconds exceeds the 1 hour session limit "
				   "for roles assumed by role chaining.");
	if (seconds > most)
		return work_refuse(work, ERR(E_VALIDATION),
				   "The requested DurationSeconds exceeds the MaxSessionDuration "
				   "set for this role.");
	*out = seconds;
	return OK;
}

NODISCARD struct err session_input_arn(const struct call_work *work,
				       const struct auth_identity *role, struct view session,
				       char out[AUTH_ARN_MAX + 1])
{
	return text_format(out, AUTH_ARN_MAX + 1, "arn:%s:sts::%s:assumed-role/%s/%.*s",
			   work->home.partition, role->account, role->name, (int)session.len,
			   (const char *)session.ptr);
}

NODISCARD struct err session_input_make(struct call_work *work, struct auth_principal *principal,
					int64_t seconds)
{
	ENSURE(work->out.session == NULL);
	principal->issued_ms = work->time_ms;
	principal->expires_ms = work->time_ms + seconds * MS_PER_S;
	TRY(MEM_NEW(&work->out.session));
	TRY(session_make(work->service, principal, input_text(work, "Policy"), work->out.session));
	return session_commit(work, work->out.session);
}
