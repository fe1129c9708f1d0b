/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults at chosen moments, of the real token (hsm_submit() is wrapped by the linker) and of the
 * real store (world.adjust = breakage_adjust), up to the death of the process: from then on nothing
 * that it asks of either is done.
 */
#ifndef HOLDFAST_TESTS_UNIT_SERVICE_BREAKAGE_H
#define HOLDFAST_TESTS_UNIT_SERVICE_BREAKAGE_H

#include "fixture.h"

enum fault {
	FAULT_NONE,
	FAULT_NOT_DONE,    /* answered with the error, never done */
	FAULT_LOST,        /* done, and answered with the error */
	FAULT_DEAD_BEFORE, /* the process dies before it is done */
	FAULT_DEAD_AFTER,  /* and after */
};

enum store_call { STORE_INTENT_ADD, STORE_KEY_ROTATE, STORE_CALL_COUNT };

/* The next of its kind. */
void break_token(enum hsm_verb verb, enum fault fault, enum err_code code);
void break_store(enum store_call call, enum fault fault, enum err_code code);

/* From now on, or no longer: every operation on the token is answered with E_HSM_AWAY. */
void break_token_off(bool away);

/* The process has died. */
bool break_is_dead(void);

/* Nothing is broken any more; the dead live. */
void break_nothing(void);

/* Called before the next key_rotate(), once. */
void break_in_before_rotate(void (*what)(void));

/* Each object made takes so long, on the world's steady clock. */
void break_token_slow(int64_t ms);

/* For world.adjust. */
void breakage_adjust(struct kms_store_ops *ops);

#endif
