/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the condition keys of policies are in one call, for one of its keys: from the principal and
 * the connection, from the KMS key, and from the members that the operation's row names. A member
 * that the operation does not declare answers no condition. Blocks never; what must be loaded is
 * given.
 *
 * IAM User Guide, "AWS global condition context keys"; KMS Developer Guide, "AWS KMS condition
 * keys".
 */
#ifndef HOLDFAST_SERVICE_REQUEST_CONTEXT_H
#define HOLDFAST_SERVICE_REQUEST_CONTEXT_H

#include "service/identity_text.h"
#include "service/operation.h"

/* Room without allocation: for every key with one value, and for usual lists and contexts. */
#define REQUEST_VIEWS 96
#define REQUEST_PAIRS 16
#define REQUEST_OWNED_MAX 16

struct request_context_query {
	const struct operation_key *row;
	const struct kms_key *key; /* NULL: the resource is no key */
	struct view account;       /* of a resource that is no key; empty: the caller's */
	struct view canonical;     /* encryption context of this key (kms/context.h) */
	struct auth_pairs principal_tags;
	struct auth_pairs resource_tags;
	const struct view *resource_aliases;
	size_t resource_alias_count;
};

/* `context` is for auth_decide(); it borrows from the rest, and from work and query. */
struct request_context {
	struct auth_context context;
	struct err failure; /* the first */
	void *owned[REQUEST_OWNED_MAX];
	size_t owned_count, view_count, pair_count;
	char user_id[IDENTITY_USER_ID_TEXT];
	char service[AUTH_NAME_MAX + 1]; /* of a service, without its Region */
	struct view views[REQUEST_VIEWS];
	struct auth_pair pairs[REQUEST_PAIRS];
};

/* request_context_cleanup() always. E_NOMEM. */
NODISCARD struct err request_context_init(struct request_context *request,
					  const struct call_work *work,
					  const struct request_context_query *query);
void request_context_cleanup(struct request_context *request);

/* For files that add values: memory that lives as long as the context. NULL: request->failure. */
struct view *request_context_views(struct request_context *request, size_t count);
struct auth_pair *request_context_pairs(struct request_context *request, size_t count);
void request_context_put(struct request_context *request, enum auth_condition_key key,
			 struct view text);

/*
 * Admin operation Explain: puts what the operator assumes, {name: [values]}, in place of what the
 * call says (request_assumed.c). E_VALIDATION for a name that nobody knows, a value that is none of
 * its type.
 */
NODISCARD struct err request_context_assume(struct request_context *request,
					    const struct json *assumed);

#endif
