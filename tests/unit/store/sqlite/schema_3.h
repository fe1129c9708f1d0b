/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store as the last program of schema 3 wrote it, as SQL: what schema_2.h has, but the principals
 * are identities, and key 3, which waits for its deletion, grant 1 of key 1, a role with a session,
 * and a use of access key 1. It never changes: it is what later programs find.
 */
#ifndef HOLDFAST_TESTS_STORE_SCHEMA_3_H
#define HOLDFAST_TESTS_STORE_SCHEMA_3_H

extern const char schema_3_file[];

#endif
