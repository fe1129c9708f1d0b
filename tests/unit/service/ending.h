/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the tests of the end of keys and of their material: keys that are due, faults at every step,
 * and what is left. Programs are linked with --wrap for hsm_submit, clock_trust_check and
 * scheduler_rest.
 */
#ifndef HOLDFAST_TESTS_UNIT_SERVICE_ENDING_H
#define HOLDFAST_TESTS_UNIT_SERVICE_ENDING_H

#include "fixture.h"

/* What an act does, in its order. */
enum ending_step {
	STEP_LOAD,
	STEP_CLOCK,
	STEP_BEGIN,   /* key_update(), or material_update() to GOING */
	STEP_REST,    /* before each object; `nth` tells which */
	STEP_DESTROY, /* each object; `nth` tells which */
	STEP_CLEAR,   /* key_clear() */
	STEP_END,     /* key_delete(), or material_update() to GONE */
	STEP_COUNT
};

/* Once, at the nth (from 0) of such steps: `code` is answered, and the step done or not. */
struct ending_fault {
	enum ending_step step;
	unsigned nth;
	bool done;
	enum err_code code;
};

/* The world of the test, made and started. */
void ending_make(struct world *w);
void ending_remove(void);
/* As a new process would: another service on the same store and token. */
void ending_restart(void);

void ending_plan(const struct ending_fault *fault); /* NULL: none */
bool ending_fault_happened(void);
/* How often the step was taken since the last plan. */
unsigned ending_steps(enum ending_step step);
/* Called once, before the next step of this kind. */
void ending_meanwhile(enum ending_step step, void (*act)(void));

/* Every step of the clock answers this from now on; E_OK. */
void ending_distrust(enum err_code code);
/* From now on the reading that is trusted is so much less than any other: the clock was set forward
 * when it was read, and is right again when it is judged. */
void ending_set_back(int64_t ms);

struct kms_key_id ending_id(const char *id);
struct err ending_load(const char *id, struct kms_key_full *out);
/* Stores the key as `change` made it, as nobody's act. */
void ending_change(const char *id, void (*change)(struct kms_key *key));
void ending_add_version(const char *id);
/* ScheduleKeyDeletion, and its date has come. */
void ending_make_due(const char *id);
/* The material of a version as if somebody had moved it so; its object stays. */
void ending_set_material(const char *id, uint32_t number, enum kms_material_state material);
/* A key with imported material that ends at valid_to_ms; 0: never. */
void ending_import(int64_t valid_to_ms, char id[KMS_KEY_ID_TEXT + 1]);

size_t ending_objects(void); /* on the token */
/* Of the log of the first service: lines with both. */
size_t ending_records(const char *event, const char *id);
/* One such line; mem_free(). */
char *ending_record(const char *event, const char *id);
size_t ending_outbox(void); /* records in the store */

#endif
