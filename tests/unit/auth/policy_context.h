/* SPDX-License-Identifier: Apache-2.0 */
/* A request context with keys of every type, for the tests of conditions. */
#ifndef HOLDFAST_TESTS_POLICY_CONTEXT_H
#define HOLDFAST_TESTS_POLICY_CONTEXT_H

#include "auth/context.h"
#include "base/macros.h"

#define NOW_MS INT64_C(1795311218000) /* 2026-11-22T01:33:38Z */

#define PAIR(name, value)                               \
	{                                               \
		VIEW_LITERAL(name), VIEW_LITERAL(value) \
	}
#define TEXTS(array)                                        \
	{                                                   \
		.texts = (array), .count = ARRAY_LEN(array) \
	}
#define NUMBER(n)                         \
	{                                 \
		.count = 1, .number = (n) \
	}
#define PAIRS(array)                                        \
	{                                                   \
		.pairs = (array), .count = ARRAY_LEN(array) \
	}

static const struct view user_name[] = {VIEW_LITERAL("alice")};
static const struct view principal_arn[] = {VIEW_LITERAL("arn:aws:iam::111122223333:user/alice")};
static const struct view source_ip[] = {VIEW_LITERAL("203.0.113.7")};
static const struct view operations[] = {VIEW_LITERAL("Encrypt"), VIEW_LITERAL("Decrypt")};
static const struct view called_via[] = {VIEW_LITERAL("one.amazonaws.com")};
static const struct auth_pair encryption_context[] = {
	PAIR("Department", "Finance"),
	PAIR("aws:logs:arn", "arn:aws:logs:us-east-1:111122223333:log-group:app:stream"),
	PAIR("case", "x"),
	PAIR("CASE", "y"),
	PAIR("size", "10.5"),
	PAIR("below", "-0.5"),
	PAIR("when", "2026-01-01T00:00:00Z"),
	PAIR("flag", "True"),
	PAIR("address", "2001:db8::7"),
	PAIR("accent", "h\xc3\xa9 h\xc3\xa9"),
	PAIR("empty", ""),
	PAIR("template", "${aws:username}"),
};
static const struct auth_pair principal_tags[] = {PAIR("team", "red"), PAIR("star", "*"),
						  PAIR("half", "al*"), PAIR("question", "alic?"),
						  PAIR("colon", "key/1:x")};

static const struct auth_context full_context = {
	.values = {[AUTH_AWS_USER_NAME] = TEXTS(user_name),
		   [AUTH_AWS_PRINCIPAL_ARN] = TEXTS(principal_arn),
		   [AUTH_AWS_SOURCE_IP] = TEXTS(source_ip),
		   [AUTH_KMS_GRANT_OPERATIONS] = TEXTS(operations),
		   [AUTH_AWS_CALLED_VIA] = TEXTS(called_via),
		   [AUTH_KMS_ROTATION_PERIOD_IN_DAYS] = NUMBER(180),
		   [AUTH_KMS_MULTI_REGION] = NUMBER(1),
		   [AUTH_AWS_SECURE_TRANSPORT] = NUMBER(0),
		   [AUTH_AWS_CURRENT_TIME] = NUMBER(NOW_MS),
		   [AUTH_AWS_EPOCH_TIME] = NUMBER(NOW_MS)},
	.families = {[AUTH_FAMILY_KMS_ENCRYPTION_CONTEXT] = PAIRS(encryption_context),
		     [AUTH_FAMILY_AWS_PRINCIPAL_TAG] = PAIRS(principal_tags)},
};

#endif
