/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one world that the tests of a program are about, and its beginning and end for cmocka. Each
 * program defines `world`, with what is special in it.
 */
#ifndef HOLDFAST_TESTS_UNIT_SERVICE_THE_WORLD_H
#define HOLDFAST_TESTS_UNIT_SERVICE_THE_WORLD_H

#include "fixture.h"

extern struct world world;

/* Made, with its first service started on the audit log "audit"; and gone again. */
int the_world_set_up(void **state);
int the_world_tear_down(void **state);

#endif
