/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/server/authority.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void path(char out[AUTHORITY_PATH_MAX], const struct authority *a, const char *name)
{
	(void)snprintf(out, AUTHORITY_PATH_MAX, "%s/%s", a->folder, name);
}

void authority_init(struct authority *a)
{
	(void)snprintf(a->folder, sizeof a->folder, "/tmp/holdfast-tls-XXXXXX");
	assert_non_null(mkdtemp(a->folder));
	path(a->certificate, a, "server.pem");
	path(a->private_key, a, "server.key");
	path(a->client_ca, a, "ca.pem");
}

void authority_cleanup(struct authority *a)
{
	(void)unlink(a->certificate);
	(void)unlink(a->private_key);
	(void)unlink(a->client_ca);
	assert_int_equal(rmdir(a->folder), 0);
}

static void write_bytes(const char *name, const void *bytes, size_t n)
{
	FILE *file = fopen(name, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, n, file), n);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(name, 0600), 0);
}

void authority_write(const char *name, const char *text)
{
	write_bytes(name, text, strlen(text));
}

static void sign(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key, const char *name)
{
	char dn[128];
	(void)snprintf(dn, sizeof dn, "CN=%s", name);
	assert_int_equal(gnutls_x509_crt_set_dn(crt, dn, NULL), 0);
	assert_int_equal(gnutls_x509_crt_set_version(crt, 3), 0);
	assert_int_equal(gnutls_x509_crt_set_serial(crt, "\x01", 1), 0);
	assert_int_equal(gnutls_x509_crt_set_key(crt, key), 0);
	assert_int_equal(gnutls_x509_crt_set_basic_constraints(crt, 1, -1), 0);
	assert_int_equal(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0), 0);
}

void authority_issue(struct authority *a, const char *name, int64_t not_before_s,
		     int64_t not_after_s)
{
	gnutls_x509_privkey_t key = NULL;
	gnutls_x509_crt_t crt = NULL;
	gnutls_datum_t pem = {NULL, 0};
	assert_int_equal(gnutls_x509_privkey_init(&key), 0);
	assert_int_equal(
		gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
					     GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
		0);
	assert_int_equal(gnutls_x509_crt_init(&crt), 0);
	assert_int_equal(gnutls_x509_crt_set_activation_time(crt, not_before_s), 0);
	assert_int_equal(gnutls_x509_crt_set_expiration_time(crt, not_after_s), 0);
	sign(crt, key, name);
	assert_int_equal(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem), 0);
	write_bytes(a->certificate, pem.data, pem.size);
	write_bytes(a->client_ca, pem.data, pem.size);
	gnutls_free(pem.data);
	assert_int_equal(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem), 0);
	write_bytes(a->private_key, pem.data, pem.size);
	gnutls_free(pem.data);
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_privkey_deinit(key);
}
