/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the attributes that a token reports of a key are those that the key must have (P1). Pure,
 * and of its own: it believes no verdict that stands in a bundle, the service's included.
 */
#ifndef HOLDFAST_CLI_EVIDENCE_JUDGE_H
#define HOLDFAST_CLI_EVIDENCE_JUDGE_H

#include "codec/json.h"

enum judge_verdict {
	JUDGE_YES,     /* as required */
	JUDGE_UNKNOWN, /* the token does not report it */
	JUDGE_NO,
};
const char *judge_verdict_name(enum judge_verdict verdict); /* "yes", "not reported", "no" */

enum judge_role { JUDGE_VERSION, JUDGE_ROW_SEAL, JUDGE_AUDIT_SIGN, JUDGE_SECRET_WRAP };

/* What a key object is told to be by where it stands, not by what it says. */
struct judge_subject {
	enum judge_role role;
	int64_t suite; /* 1, 2, 3, of versions and the wrapping key */
	bool imported; /* its material came from outside: CKA_LOCAL and its kin say nothing */
};

/* The attributes of a row of every table, in order; NULL behind the last. */
const char *judge_attribute_at(size_t index);
/* What it must be. */
bool judge_required(const struct judge_subject *subject, size_t index);
/* `token`: what the token answered, {"KeyType":...,"Bits":...,"Attributes":{...}}. */
enum judge_verdict judge_attribute(const struct judge_subject *subject, const struct json *token,
				   size_t index);
enum judge_verdict judge_key_type(const struct judge_subject *subject, const struct json *token);
/* The worst of all. NULL or an answer without attributes: JUDGE_UNKNOWN. */
enum judge_verdict judge_object(const struct judge_subject *subject, const struct json *token);

#endif
