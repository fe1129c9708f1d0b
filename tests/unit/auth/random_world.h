/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random requests for properties: who asks for what, with policies as lists of statements that can
 * be added to, taken from and shuffled. The worlds are small, so that statements often apply.
 */
#ifndef HOLDFAST_TESTS_UNIT_AUTH_RANDOM_WORLD_H
#define HOLDFAST_TESTS_UNIT_AUTH_RANDOM_WORLD_H

#include "auth/authorize.h"

#define WORLD_STATEMENTS_MAX 8
#define WORLD_STATEMENT_TEXT 512
#define WORLD_POLICIES 5
#define WORLD_GRANTS_MAX 4
#define WORLD_PAIRS_MAX 4

/* Numbers that are the same in every run with the same seed. */
uint32_t random_below(uint64_t *seed, uint32_t bound);
bool random_chance(uint64_t *seed, uint32_t percent);

enum world_policy { WORLD_KEY, WORLD_IDENTITY, WORLD_IDENTITY_TOO, WORLD_BOUNDARY, WORLD_SESSION };

struct world_statement {
	char text[WORLD_STATEMENT_TEXT];
	bool deny;
};
struct world_draft {
	bool present;
	struct world_statement statements[WORLD_STATEMENTS_MAX];
	size_t count;
};

struct world_pairs {
	struct auth_pair pairs[WORLD_PAIRS_MAX];
	size_t count;
};

struct world {
	const struct auth_principal *principal;
	const char *action;
	const char *resource;
	const char *via; /* kms:ViaService, or NULL */
	bool tls;        /* aws:SecureTransport */
	uint32_t operation;
	bool takes_context;
	struct world_pairs context;
	struct world_draft policies[WORLD_POLICIES]; /* enum world_policy */
	struct auth_grant grants[WORLD_GRANTS_MAX];
	struct world_pairs constraints[WORLD_GRANTS_MAX];
	size_t grant_count;
};

void world_make(uint64_t *seed, struct world *out);
struct world_statement world_statement_make(uint64_t *seed, enum world_policy kind, bool deny);
/* One that allows nothing. */
struct world_statement world_statement_inert(enum world_policy kind);
struct auth_grant world_grant_make(uint64_t *seed, struct world_pairs *constraint);
void world_pairs_make(uint64_t *seed, struct world_pairs *out);

/* Compiles everything and decides, asking for grants as the service does. Fails the test when
 * something does not compile. */
struct auth_verdict world_decide(const struct world *world);

extern const struct auth_principal world_carol; /* of another account than the keys */

#endif
