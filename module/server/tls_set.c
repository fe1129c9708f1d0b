/* SPDX-License-Identifier: Apache-2.0 */
#include "server/tls_set.h"

#include "base/log.h"
#include "base/mem.h"
#include "server/pem_file.h"
#include "server/tls_session.h"

/*
 * RFC 9325 §4.2: forward secrecy and authenticated encryption alone. NONE: what is not named here
 * is not spoken, whatever the library's defaults become. Certificates of clients need 112 bits of
 * security at least (%PROFILE_MEDIUM), and SHA-1 signs nothing.
 */
#define SUITES                                                                                   \
	":+AES-256-GCM:+CHACHA20-POLY1305:+AES-128-GCM:+ECDHE-ECDSA:+ECDHE-RSA:+AEAD"            \
	":+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:+GROUP-SECP521R1:+COMP-NULL"           \
	":+CTYPE-X509"                                                                           \
	":+SIGN-EDDSA-ED25519:+SIGN-ECDSA-SECP256R1-SHA256:+SIGN-ECDSA-SECP384R1-SHA384"         \
	":+SIGN-ECDSA-SECP521R1-SHA512:+SIGN-ECDSA-SHA256:+SIGN-ECDSA-SHA384:+SIGN-ECDSA-SHA512" \
	":+SIGN-RSA-PSS-RSAE-SHA256:+SIGN-RSA-PSS-RSAE-SHA384:+SIGN-RSA-PSS-RSAE-SHA512"         \
	":+SIGN-RSA-PSS-SHA256:+SIGN-RSA-PSS-SHA384:+SIGN-RSA-PSS-SHA512"                        \
	":+SIGN-RSA-SHA256:+SIGN-RSA-SHA384:+SIGN-RSA-SHA512"                                    \
	":%SERVER_PRECEDENCE:%PROFILE_MEDIUM"

static const char *const priorities[] = {
	[SERVER_TLS_1_2] = "NONE:+VERS-TLS1.3:+VERS-TLS1.2" SUITES,
	[SERVER_TLS_1_3] = "NONE:+VERS-TLS1.3" SUITES,
};

/* The certificates of a file, with the library's own memory. */
struct chain {
	gnutls_x509_crt_t *list;
	unsigned count;
};

static void chain_cleanup(struct chain *chain)
{
	for (unsigned i = 0; i < chain->count; i++)
		gnutls_x509_crt_deinit(chain->list[i]);
	gnutls_free(chain->list);
}

static void privkey_cleanup(gnutls_x509_privkey_t *key)
{
	if (*key != NULL)
		gnutls_x509_privkey_deinit(*key);
}

static gnutls_datum_t datum_of(struct view v)
{
	/* The library takes unsigned char * and does not write to it. */
	return (gnutls_datum_t){(unsigned char *)(uintptr_t)v.ptr, (unsigned)v.len};
}

/* `code`: of GnuTLS, negative; or errno, positive; 0: none. */
static struct err complain(const char *path, const char *what, int code)
{
	const char *detail = code < 0 ? gnutls_strerror(code) : "";
	log_event(LOG_ERROR, "server.tls_file_refused", LOG_TEXT("file", path),
		  LOG_TEXT("what", what), LOG_TEXT("detail", detail),
		  LOG_NUMBER("errno", MAX_OF(code, 0)));
	return ERR_DETAIL(E_TLS, code);
}

static struct err read_pem(const char *path, struct buf *out)
{
	struct pem_file_fault fault = {NULL, 0};
	struct err e = pem_file_read(path, out, &fault);
	return fault.what != NULL ? complain(path, fault.what, fault.code) : e;
}

static struct err load_chain(const char *path, struct chain *out)
{
	CLEANUP(buf_cleanup) struct buf pem;
	buf_init(&pem, PEM_FILE_MAX);
	TRY(read_pem(path, &pem));
	gnutls_datum_t data = datum_of(buf_view(&pem));
	int code = gnutls_x509_crt_list_import2(&out->list, &out->count, &data, GNUTLS_X509_FMT_PEM,
						GNUTLS_X509_CRT_LIST_FAIL_IF_UNSORTED);
	if (code == GNUTLS_E_CERTIFICATE_LIST_UNSORTED)
		return complain(path,
				"the certificates are no chain; write the server's own first, then "
				"each one's issuer",
				code);
	if (code < 0 || out->count == 0)
		return complain(path, "there is no PEM certificate in it that can be read", code);
	return OK;
}

static struct err load_key(const char *path, gnutls_x509_privkey_t *out)
{
	CLEANUP(secret_free) struct secret *pem = NULL;
	struct pem_file_fault fault = {NULL, 0};
	struct err e = pem_file_read_key(path, &pem, &fault);
	if (fault.what != NULL)
		return complain(path, fault.what, fault.code);
	TRY(e);
	int code = gnutls_x509_privkey_init(out);
	if (code < 0)
		return ERR_DETAIL(E_NOMEM, code);
	gnutls_datum_t data = datum_of(secret_view(pem));
	code = gnutls_x509_privkey_import2(*out, &data, GNUTLS_X509_FMT_PEM, NULL, 0);
	if (code == GNUTLS_E_DECRYPTION_FAILED)
		return complain(path,
				"the private key has a passphrase; store it without one, readable "
				"for the service's user alone",
				code);
	if (code < 0)
		return complain(path, "there is no PEM private key in it that can be read", code);
	return OK;
}

static struct err load_own(const struct server_tls_options *options, struct tls_set *set)
{
	CLEANUP(chain_cleanup) struct chain chain = {NULL, 0};
	CLEANUP(privkey_cleanup) gnutls_x509_privkey_t key = NULL;
	TRY(load_chain(options->certificate, &chain));
	TRY(load_key(options->private_key, &key));
	struct err e = certificate_describe(chain.list[0], &set->certificate);
	if (err_failed(e))
		return complain(options->certificate, "the certificate cannot be read",
				(int)e.detail);
	/* Both are copied. */
	int code = gnutls_certificate_set_x509_key(set->credentials, chain.list, (int)chain.count,
						   key);
	if (code == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
		return complain(options->private_key,
				"the private key does not belong to the certificate; name the "
				"two files that were made together",
				code);
	if (code < 0)
		return complain(options->certificate, "the certificate cannot be used", code);
	return OK;
}

static struct err load_client_ca(const struct server_tls_options *options, struct tls_set *set)
{
	set->clients = options->clients;
	if (options->clients == SERVER_TLS_CLIENTS_OFF)
		return OK;
	CLEANUP(buf_cleanup) struct buf pem;
	buf_init(&pem, PEM_FILE_MAX);
	TRY(read_pem(options->client_ca, &pem));
	gnutls_datum_t data = datum_of(buf_view(&pem));
	int count =
		gnutls_certificate_set_x509_trust_mem(set->credentials, &data, GNUTLS_X509_FMT_PEM);
	if (count <= 0)
		return complain(options->client_ca,
				"there is no PEM certificate of an authority in it that can be "
				"read",
				count);
	gnutls_certificate_set_verify_function(set->credentials, tls_session_verify);
	return OK;
}

static struct err load_priority(const struct server_tls_options *options, struct tls_set *set)
{
	ENSURE(options->minimum < ARRAY_LEN(priorities));
	const char *wrong = NULL;
	int code = gnutls_priority_init(&set->priority, priorities[options->minimum], &wrong);
	if (code == 0)
		return OK;
	log_event(LOG_ERROR, "server.tls_priority", LOG_TEXT("at", wrong ? wrong : ""),
		  LOG_TEXT("detail", gnutls_strerror(code)));
	return ERR_DETAIL(E_TLS, code);
}

NODISCARD struct err tls_set_load(const struct server_tls_options *options, struct tls_set **out)
{
	CLEANUP(tls_set_release) struct tls_set *set = NULL;
	TRY(MEM_NEW(&set));
	atomic_init(&set->holders, 1);
	int code = gnutls_certificate_allocate_credentials(&set->credentials);
	if (code < 0)
		return ERR_DETAIL(E_NOMEM, code);
	TRY(load_priority(options, set));
	TRY(load_own(options, set));
	TRY(load_client_ca(options, set));
	*out = TAKE(set);
	return OK;
}

struct tls_set *tls_set_acquire(struct tls_set *set)
{
	(void)atomic_fetch_add(&set->holders, 1);
	return set;
}

void tls_set_release(struct tls_set **at)
{
	struct tls_set *set = TAKE(*at);
	if (set == NULL || atomic_fetch_sub(&set->holders, 1) != 1)
		return;
	if (set->priority != NULL)
		gnutls_priority_deinit(set->priority);
	if (set->credentials != NULL)
		gnutls_certificate_free_credentials(set->credentials);
	mem_free(set);
}
