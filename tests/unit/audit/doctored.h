/* SPDX-License-Identifier: Apache-2.0 */
/* A log of three or more segments, taken apart into its lines, to be doctored and put back. */
#ifndef HOLDFAST_TESTS_AUDIT_DOCTORED_H
#define HOLDFAST_TESTS_AUDIT_DOCTORED_H

#include "fixture.h"

#include "audit/verify.h"
#include "signing.h"

#define FILES_MAX 32
#define LINES_MAX 512
#define RECORDS 40

struct lines {
	char names[FILES_MAX][SEGMENT_NAME_MAX];
	size_t files, lines;
	char *text[LINES_MAX]; /* without newlines */
	size_t file[LINES_MAX];
};

extern struct signing signer, other_signer;
extern bool both_keys; /* are given to verify(), not the signer's alone */
extern struct audit_log *log_open;
extern struct audit_verify_report report;
/* As it was made, and as it is being doctored. */
extern struct lines made, now;

int doctored_setup(void **state);
int doctored_teardown(void **state);
#define VERIFY_TEST(test) cmocka_unit_test_setup_teardown(test, doctored_setup, doctored_teardown)

void forget(struct lines *l);
void load(struct lines *l);
void store(const struct lines *l);
void empty_directory(void);
void again(void); /* `now` is as `made` once more */
void make_log(struct signing *with, uint64_t segment_bytes);

void put_line(struct lines *l, size_t at, size_t file, const char *text, size_t len);
void take_line(struct lines *l, size_t at);
void take_file(struct lines *l, size_t file);
/* The index of the n-th record, or of the n-th attestation: 0.. */
size_t line_of(bool attestation, size_t n);

/* What anybody can do who can write to the log: everything but to sign. */
void chain_anew(size_t from);
/* The same, of a log whose attestations are all gone, or of which one is no signature; stored. */
void take_signatures(void);
void spoil_signature(size_t at);
/* The attestation in line `at` becomes this one's of line `of`, in the name that it has; neither
 * chained anew nor stored. */
void sign_line(struct signing *with, size_t at, size_t of);

void verify(const struct audit_point *expected);
void is_sound(void);
void is_found(enum audit_problem_kind kind);
bool names(size_t at); /* the report names this line */
void is_named(size_t at);

#endif
