/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is asking, with everything that their account says of them - policies of their own and of
 * their groups, attached ones, boundary, tags - compiled and in memory: immutable snapshots,
 * counted, bounded, filled on demand and forgotten whenever an identity changes.
 */
#ifndef HOLDFAST_SERVICE_SUBJECTS_H
#define HOLDFAST_SERVICE_SUBJECTS_H

#include "auth/authorize.h"
#include "auth/identities.h"

struct subjects;
struct subject;

struct subjects_options {
	struct auth_identities identities;
	const char *partition;
	uint32_t subjects_max; /* 0: 1,024 */
};

/* *out owned by the caller, subjects_free(). */
NODISCARD struct err subjects_new(const struct subjects_options *options, struct subjects **out);
void subjects_free(struct subjects **subjects);

/*
 * The snapshot for an authenticated principal; *out subject_release(). `session_policy` is that of
 * its session, empty without. E_WOULD_BLOCK when it is not in memory and `may_block` is false;
 * E_AUTH_UNKNOWN_KEY when the identity is gone; E_BUSY while identities change faster than they can
 * be read; E_KMS_MALFORMED_POLICY, logged, when one of the policies cannot be compiled or is not
 * there: nothing is allowed then; what the store answers.
 */
NODISCARD struct err subjects_acquire(struct subjects *subjects,
				      const struct auth_principal *principal,
				      struct view session_policy, bool may_block,
				      struct subject **out);
void subject_release(struct subject **subject); /* *subject may be NULL */

/* Valid while the subject is held. The principal in it is the snapshot's own copy. */
const struct auth_subject *subject_of(const struct subject *subject);

/* Of the identity: aws:PrincipalTag. */
struct auth_pairs subject_tags(const struct subject *subject);

/* After a commit, before the reply; and when something may have changed in the store. */
void subjects_drop_all(struct subjects *subjects);

/* How many snapshots are kept. */
size_t subjects_count(struct subjects *subjects);

/*
 * What a principal's name in a policy, a grant or a command stands for. E_FORMAT for what is no
 * such name, E_NOT_FOUND when there is no such identity or account. *out is as it would be after
 * authentication, but for the access key; of a role without a session type ROLE_SESSION and the
 * role's own ARN in `arn`. Blocks.
 */
NODISCARD struct err subjects_find(struct subjects *subjects, struct view name,
				   struct auth_principal *out);

#endif
