/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decision table: decisions/ as it is read (decision_file.c), and one case of it as a request
 * (decision_case.c). What the files may say: decisions/README.md.
 */
#ifndef HOLDFAST_TESTS_UNIT_AUTH_DECISION_CASE_H
#define HOLDFAST_TESTS_UNIT_AUTH_DECISION_CASE_H

#include "auth/authorize.h"
#include "codec/json.h"

#define DECISION_FILES_MAX 48
#define DECISION_NAME_MAX 128
#define DECISION_POLICIES_MAX 8
#define DECISION_VALUES_MAX 64
#define DECISION_GRANTS_MAX 4
#define DECISION_PAIRS_MAX 8
#define DECISION_WHY_MAX 1200

struct decision_file {
	char name[DECISION_NAME_MAX];
	struct json *json;
};

struct decisions {
	struct json *cast; /* cast.json: who and what all files speak of */
	struct decision_file files[DECISION_FILES_MAX];
	size_t count;
};

/* All *.json of the folder, in order of names. false, and said on stderr: one cannot be read. */
bool decisions_open(const char *folder, struct decisions *out);
void decisions_close(struct decisions *decisions);

/* One case, borrowed. */
struct decision {
	const struct json *cast;
	const struct json *file;
	const struct json *json;
};

/* Of the case, or else of the file's defaults. */
const struct json *decision_member(const struct decision *decision, const char *name);
struct view decision_text(const struct decision *decision, const char *name);

/* "allow_if" or "deny_if" when the case has one, with the condition; else NULL. */
const char *decision_condition(const struct decision *decision, const struct json **out);

/* The verdict, as the service gets it: asked first without grants, and again with them when they
 * matter. */
struct decision_answer {
	struct auth_verdict verdict;
	bool asked; /* for grants */
};

/*
 * Decides the case; with `unconditionally`, as if allow_if held always and deny_if never. false:
 * the case says what cannot be, and `why` what.
 */
bool decision_make(const struct decision *decision, bool unconditionally,
		   struct decision_answer *out, char why[DECISION_WHY_MAX]);

#endif
