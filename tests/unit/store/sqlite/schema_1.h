/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store as the last program of schema 1 wrote it, as SQL: the installation, keys 1 and 2 with
 * their versions and audit records, intent 9 and access key 1 of the fixture, sealed under its key.
 * It never changes: it is what later programs find.
 */
#ifndef HOLDFAST_TESTS_STORE_SCHEMA_1_H
#define HOLDFAST_TESTS_STORE_SCHEMA_1_H

extern const char schema_1_file[];

#endif
