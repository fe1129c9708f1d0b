/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the audit log share: a folder of their own, and system calls that fail. */
#ifndef HOLDFAST_TESTS_AUDIT_FIXTURE_H
#define HOLDFAST_TESTS_AUDIT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "audit/segment.h"

#define CONTENT_MAX ((size_t)8 << 20)

extern char fixture_directory[64]; /* made anew for each test */

int fixture_setup(void **state);
int fixture_teardown(void **state);
#define FIXTURE_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

void fixture_write_file(const char *name, const void *content, size_t len);
/* The whole file with a NUL behind it; the next call overwrites it. */
const char *fixture_read_file(const char *name, size_t *len);
/* The lines of all segments in their order, up to the first NUL of each, without their places in
 * the chain and without attestations; overwritten likewise. */
const char *fixture_read_log(size_t *len);
/* The same as they stand in the files. */
const char *fixture_read_chained(size_t *len);
size_t fixture_count_files(const char *ending);
void fixture_newest(char name[SEGMENT_NAME_MAX], uint64_t *sequence);

/* System calls with an errno to fail with; 0: they work. */
struct fixture_faults {
	atomic_int write_errno, sync_errno, truncate_errno, create_errno, directory_errno;
	atomic_int writes_until_fault; /* as many writes work before write_errno counts */
	atomic_int write_bytes_max;    /* 0: no bound; else short writes */
	atomic_int writes, syncs, truncates, creates, directory_syncs;
};
extern struct fixture_faults faults;
extern const struct segment_io faulty_io;
/* Runs before each sync through faulty_io; NULL: nothing. */
extern void (*fixture_before_sync)(int fd);
/* Runs after each that worked. */
extern void (*fixture_after_sync)(int fd);

#endif
