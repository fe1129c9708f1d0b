/* SPDX-License-Identifier: Apache-2.0 */
/* What the facts of evidence.json amount to, counted and judged anew by whoever asks. Pure. */
#ifndef HOLDFAST_CLI_EVIDENCE_FACTS_H
#define HOLDFAST_CLI_EVIDENCE_FACTS_H

#include "cli/evidence_judge.h"

struct evidence_facts {
	uint64_t keys, versions, gone; /* gone: their material is, or is going */
	uint64_t judged[JUDGE_NO + 1]; /* versions whose material is there */
	uint64_t unread;            /* of those: the token did not answer, or has no such object */
	uint64_t misplaced;         /* its label names another key or version */
	uint64_t own[JUDGE_NO + 1]; /* the installation's own keys */
	uint64_t refused;           /* versions that the service does not use */
	uint64_t rotations, grants, identities;
	uint64_t gaps; /* keys whose versions do not ascend, or lack the current one */
	uint64_t tests, tests_failed;
	bool store_looked, store_well;
	bool audit_looked, audit_well;
	bool audit_signed; /* the token has signed for records of it, or there are none */
};
void evidence_facts_count(const struct json *evidence, struct evidence_facts *out);

/* Of one version, and of one of the installation's own keys. NULL token: JUDGE_UNKNOWN. */
struct judge_subject evidence_subject_of_version(const struct json *key,
						 const struct json *version);
struct judge_subject evidence_subject_of_own(const struct json *own);

/* holdfast:<installation>:<key id>:<number>: what the token's label must be. */
bool evidence_label_fits(const struct json *evidence, const struct json *key,
			 const struct json *version);

#endif
