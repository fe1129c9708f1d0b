/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and keys made for a test, as PEM files in a folder of its own. */
#ifndef HOLDFAST_TESTS_UNIT_SERVER_AUTHORITY_H
#define HOLDFAST_TESTS_UNIT_SERVER_AUTHORITY_H

#include <stdbool.h>
#include <stdint.h>

#define AUTHORITY_PATH_MAX 128

struct authority {
	char folder[AUTHORITY_PATH_MAX / 2];
	char certificate[AUTHORITY_PATH_MAX], private_key[AUTHORITY_PATH_MAX];
	char client_ca[AUTHORITY_PATH_MAX];
};

/* A new folder; the files are not there yet. */
void authority_init(struct authority *a);
void authority_cleanup(struct authority *a);

/*
 * Writes a new key and its self-signed certificate over both files (client_ca gets the certificate
 * as well), valid in this time. Fails the test when it cannot.
 */
void authority_issue(struct authority *a, const char *name, int64_t not_before_s,
		     int64_t not_after_s);

/* Writes text over one of the files. */
void authority_write(const char *path, const char *text);

#endif
