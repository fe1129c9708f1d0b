/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A service for the operations on rotation, with dates that no client could wait for: the row of
 * the key is changed behind the service's back, and its material made older while it is loaded.
 */
#ifndef HOLDFAST_TESTS_UNIT_SERVICE_ROTATION_WORLD_H
#define HOLDFAST_TESTS_UNIT_SERVICE_ROTATION_WORLD_H

#include <stdatomic.h>

#include "kms/rotation.h"
#include "the_world.h"

#define DAY_S 86400.0
#define MATERIAL_TEXT (2 * KMS_MATERIAL_ID_LEN + 1)

extern char the_key[KMS_KEY_ID_TEXT + 1]; /* that the test is about: a new one for each */

/* Of the store, until the next test. */
extern int64_t material_age_ms; /* every version is as much older than it is */
extern uint16_t rotate_fault;   /* what key_rotate() answers */
extern atomic_uint updates;     /* how often a key was stored; the rows that edits make not */

int rotation_fresh_key(void **state);

/* The row of the key, as it could not be made by calls. */
typedef void edit_fn(struct kms_key *key);
void edit(edit_fn *change);
/* Rotation on, every year, and the next so far away. */
void edit_next(int64_t until_next_ms);

/* A call about the key; `more`: further members, each with a comma before it. */
void call(const char *operation, const char *more, struct reply *r);
/* It must succeed with an empty body. */
void change(const char *operation, const char *more);
/* RotateKeyOnDemand, accepted. */
void rotate(void);
/* What the scheduler does. */
void do_due_work(void);

double now_s(void);
double number(const struct reply *r, const char *member);

/* GetKeyRotationStatus: on, with that period, next in so many seconds; or off, and nothing else. */
void assert_on(unsigned days, double next_s);
void assert_off(void);

/* The operations that set or start rotation. */
#define SETTINGS 3
extern const char *const settings[SETTINGS];
/* Refused; the text is the key's ARN and `what`. */
void assert_refusal(const char *operation, const char *type, const char *what);
/* UnsupportedOperationException, with no text, not even an empty one. */
void assert_unsupported(const char *operation);

/* ListKeyRotations: the page, and how many entries it has. */
size_t list(const char *more, struct reply *r);
size_t count_rotations(void);
/* A member of an entry. */
const struct json *entry(const struct reply *r, size_t at, const char *member);
bool entry_is(const struct reply *r, size_t at, const char *member, const char *value);

/* CurrentKeyMaterialId. */
void read_material(char out[MATERIAL_TEXT]);

#endif
