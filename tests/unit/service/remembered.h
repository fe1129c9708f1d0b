/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A manifest and a token's anchor that a test holds in its hands, under the real service: what a
 * survey finds, what was committed, whether the token answers. hsm_submit() is wrapped by the
 * linker; every other verb goes to the real token.
 */
#ifndef HOLDFAST_TESTS_UNIT_SERVICE_REMEMBERED_H
#define HOLDFAST_TESTS_UNIT_SERVICE_REMEMBERED_H

#include <pthread.h>

#include "audit/log.h"
#include "fixture.h"
#include "kms/manifest.h"

struct remembered {
	pthread_mutex_t lock;

	/* the store */
	struct kms_mark mark; /* epoch 0: no manifest */
	enum err_code verdict;
	struct kms_finding findings[2];
	uint64_t found;
	enum err_code begin; /* what it answers */
	enum err_code doubt; /* of a reader or a writer, until it is asked for */
	bool frozen;
	unsigned begun, surveys;
	uint64_t progressed; /* rows, as the service was told */
	bool has_head;
	struct kms_audit_head head;
	unsigned heads_saved;

	/* the token */
	struct kms_mark anchor; /* epoch 0: none */
	enum err_code token;    /* what it answers to both verbs; E_OK: it does them */
	bool forgetful;         /* says that it has raised, and has not */
	bool held;              /* raises are not answered until they are let go */
	struct hsm_op *pending;
	unsigned raises, reads;

	/* the audit log */
	struct audit_point point;
	bool lacks_point;

	uint64_t others; /* commits of others, seen with the next look at the store's file */
};
extern struct remembered remembered;

/* A store and a token in the middle of their life, which agree. */
void remembered_begin(void);

/* For world.adjust_options: puts the manifest in; a token operation takes 400 ms at most. */
void remembered_adjust(struct service_options *options);

/* For world.adjust: changes of keys are what is committed. Of the program's `world` (the_world.h).
 */
void remembered_commit_keys(struct kms_store_ops *ops);

/* Something is committed. */
struct kms_mark remembered_commit(void);

/* Another service on the same store has anchored commits of its own, which are seen with the next
 * look at the store's file. */
void remembered_overtake(uint64_t commits);

void remembered_set_token(enum err_code code);
void remembered_hold(bool held); /* false: what is held is done and answered */
bool remembered_holds(void);     /* a raise is pending */
uint64_t remembered_anchor(void);
unsigned remembered_raises(void);

/* Waits, five seconds at most, until the token has the epoch. */
void remembered_await(uint64_t epoch);

#endif
