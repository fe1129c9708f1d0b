/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store as the last program of schema 2 wrote it, as SQL: what schema_1.h has, and bob, who is no
 * administrator, with the inactive access key 2, alias 1 of key 1, tag 1 and a last use. It never
 * changes: it is what later programs find.
 */
#ifndef HOLDFAST_TESTS_STORE_SCHEMA_2_H
#define HOLDFAST_TESTS_STORE_SCHEMA_2_H

extern const char schema_2_file[];

#endif
