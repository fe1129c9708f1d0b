/* SPDX-License-Identifier: Apache-2.0 */
/*
 * struct hsm as the local implementation has it: everything between hsm_local_open() and
 * hsm_close(). Lanes and their queue: lane.c. Bringing the token up and recovering it: warden.c.
 * Locks, in the order in which they are taken: gate, admin, those of objects and keys, lock.
 */
#ifndef HOLDFAST_HSM_P11_INSTANCE_H
#define HOLDFAST_HSM_P11_INSTANCE_H

#include <pthread.h>

#include "hsm/p11/anchor.h"
#include "hsm/p11/capability.h"
#include "hsm/p11/local.h"
#include "hsm/p11/login.h"
#include "hsm/p11/messagekey.h"
#include "hsm/p11/module.h"
#include "hsm/p11/object.h"
#include "hsm/p11/softhsm.h"

#define P11_QUEUE_DEFAULT 4096
#define P11_LANES_MAX \
	(HSM_LANES_MAX - 2)  /* one place of the watch is the warden's, one the clerk's */
#define P11_AWAY_WAIT_MS 250 /* so long after the breaker opened, operations wait for recovery */

/* Operations that wait; hsm->lock. */
struct p11_queue {
	struct hsm_op *head;
	struct hsm_op *tail;
	uint32_t count;
	pthread_cond_t grown; /* or closing */
};

struct p11_lane {
	struct hsm *hsm;
	struct p11_queue *queue; /* where its work comes from */
	uint32_t index;
	pthread_t thread;
	bool started;
	CK_SESSION_HANDLE session;
	uint64_t generation; /* the session's; 0: none */
	struct buf aad;
};

struct hsm {
	struct p11_module module;
	struct p11_softhsm softhsm;
	struct p11_login login;
	const struct p11_capability *row;
	enum hsm_suite pinned;
	enum hsm_suite suite;
	struct p11_objects objects;
	struct p11_message_keys keys;
	struct p11_anchors anchors;
	CK_OBJECT_HANDLE canary; /* a session key in the holder session */
	const struct clock *clock;
	struct hsm_lane_watch *watch;

	/* Held for reading by whoever calls the token, for writing by the warden while it recovers.
	 */
	pthread_rwlock_t gate;
	/* Creation, search and destruction of token objects, one at a time. */
	pthread_mutex_t admin;

	/* Everything below. */
	pthread_mutex_t lock;
	pthread_cond_t changed; /* the condition has changed, or closing */
	struct p11_queue work;
	struct p11_queue admin_work; /* of the clerk */
	uint32_t queue_max;
	bool closing;
	enum hsm_condition condition;
	struct err last_error;
	int64_t away_since_ms;
	uint64_t generation;
	uint64_t operations;
	uint64_t failures;

	pthread_t warden;
	bool warden_started;
	/*
	 * lane_count lanes, and behind them the clerk: a lane of its own for token objects, so that
	 * the disk that a new key waits for does not hold up the sealing.
	 */
	struct p11_lane *lanes;
	uint32_t lane_count;
};

/* One verb; runs on a lane, with the gate held for reading. On failure the op has no outputs. */
struct p11_verb {
	NODISCARD struct err (*check)(const struct hsm_op *op); /* inputs, without the token */
	NODISCARD struct err (*execute)(struct p11_lane *lane, struct hsm_op *op);
	bool repeatable; /* may be tried again after the token was away in the middle of it */
	bool clerk;      /* makes, searches or destroys token objects: work for the clerk */
};

/* NULL for a verb that does not exist. */
const struct p11_verb *p11_verb_row(enum hsm_verb verb);

/* verb_seal.c */
NODISCARD struct err p11_seal_check(const struct hsm_op *op);
NODISCARD struct err p11_seal_execute(struct p11_lane *lane, struct hsm_op *op);
NODISCARD struct err p11_open_check(const struct hsm_op *op);
NODISCARD struct err p11_open_execute(struct p11_lane *lane, struct hsm_op *op);
NODISCARD struct err p11_reseal_check(const struct hsm_op *op);
NODISCARD struct err p11_reseal_execute(struct p11_lane *lane, struct hsm_op *op);
NODISCARD struct err p11_generate_sealed_check(const struct hsm_op *op);
NODISCARD struct err p11_generate_sealed_execute(struct p11_lane *lane, struct hsm_op *op);
/* verb_draw.c */
NODISCARD struct err p11_draw(struct p11_lane *lane, size_t length, struct secret **out);
NODISCARD struct err p11_random_check(const struct hsm_op *op);
NODISCARD struct err p11_random_execute(struct p11_lane *lane, struct hsm_op *op);
NODISCARD struct err p11_mac_check(const struct hsm_op *op);
NODISCARD struct err p11_mac_execute(struct p11_lane *lane, struct hsm_op *op);
NODISCARD struct err p11_probe_check(const struct hsm_op *op);
NODISCARD struct err p11_probe_execute(struct p11_lane *lane, struct hsm_op *op);
/* verb_key.c */
NODISCARD struct err p11_generate_check(const struct hsm_op *op);
NODISCARD struct err p11_generate_execute(struct p11_lane *lane, struct hsm_op *op);
NODISCARD struct err p11_find_check(const struct hsm_op *op);
NODISCARD struct err p11_find_execute(struct p11_lane *lane, struct hsm_op *op);
NODISCARD struct err p11_destroy_check(const struct hsm_op *op);
NODISCARD struct err p11_destroy_execute(struct p11_lane *lane, struct hsm_op *op);
NODISCARD struct err p11_enumerate_check(const struct hsm_op *op);
NODISCARD struct err p11_enumerate_execute(struct p11_lane *lane, struct hsm_op *op);
/* verb_sign.c */
NODISCARD struct err p11_sign_check(const struct hsm_op *op);
NODISCARD struct err p11_sign_execute(struct p11_lane *lane, struct hsm_op *op);
NODISCARD struct err p11_public_key_check(const struct hsm_op *op);
NODISCARD struct err p11_public_key_execute(struct p11_lane *lane, struct hsm_op *op);
/* verb_describe.c */
NODISCARD struct err p11_describe_check(const struct hsm_op *op);
NODISCARD struct err p11_describe_execute(struct p11_lane *lane, struct hsm_op *op);
/* verb_anchor.c */
NODISCARD struct err p11_anchor_read_check(const struct hsm_op *op);
NODISCARD struct err p11_anchor_read_execute(struct p11_lane *lane, struct hsm_op *op);
NODISCARD struct err p11_anchor_raise_check(const struct hsm_op *op);
NODISCARD struct err p11_anchor_raise_execute(struct p11_lane *lane, struct hsm_op *op);

#endif
