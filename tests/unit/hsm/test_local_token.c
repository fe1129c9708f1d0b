/* SPDX-License-Identifier: Apache-2.0 */
#include "test_local_token.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

#define UP_WITHIN_MS 10000

extern char **environ;

static void write_text(const char *path, const char *text)
{
	char fresh[160];
	assert_ok(text_format(fresh, sizeof(fresh), "%s.new", path));
	FILE *f = fopen(fresh, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(rename(fresh, path), 0);
}

static void run(char *const argv[])
{
	pid_t pid = 0;
	int status = 0;
	assert_int_equal(posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void make_softhsm(struct token *t, const char *module)
{
	char path[96];
	char text[256];
	assert_ok(text_format(path, sizeof(path), "%s/tokens", t->dir));
	assert_int_equal(mkdir(path, 0700), 0);
	assert_ok(text_format(text, sizeof(text),
			      "directories.tokendir = %s # here\nobjectstore.backend = file\n"
			      "log.level = ERROR\n",
			      path));
	assert_ok(text_format(path, sizeof(path), "%s/softhsm2.conf", t->dir));
	write_text(path, text);
	assert_int_equal(setenv("SOFTHSM2_CONF", path, 1), 0);
	assert_ok(text_format(t->shim_script, sizeof(t->shim_script), "%s/shim", t->dir));
	token_shim(t, "");
	assert_int_equal(setenv("HOLDFAST_SHIM", t->shim_script, 1), 0);
	assert_int_equal(setenv("HOLDFAST_SHIM_MODULE", MODULE_SOFTHSM, 1), 0);
	CLEANUP(secret_free) struct secret *so_pin = NULL;
	assert_ok(secret_new_from(VIEW_LITERAL("so-pin-1234"), &so_pin));
	assert_ok(hsm_local_init_token(module, "test", so_pin, t->pin));
	t->options.module_path = module;
	t->options.uri = "pkcs11:token=test";
}

static void make_nss(struct token *t)
{
	char db[96];
	char password[96];
	assert_ok(text_format(db, sizeof(db), "sql:%s", t->dir));
	assert_ok(text_format(password, sizeof(password), "%s/password", t->dir));
	write_text(password, "1234\n");
	char program[] = "certutil";
	char make[] = "-N";
	char in[] = "-d";
	char with[] = "-f";
	run((char *[]){program, make, in, db, with, password, NULL});
	assert_ok(text_format(
		t->parameters, sizeof(t->parameters),
		"configdir='sql:%s' certPrefix='' keyPrefix='' secmod='' flags=", t->dir));
	t->options.module_path = MODULE_NSS;
	t->options.module_parameters = t->parameters;
	t->options.uri = "pkcs11:token=NSS%20Certificate%20DB";
}

void token_make(struct token *t, enum token_kind kind)
{
	mem_zero(t, sizeof(*t));
	log_configure(LOG_FORM_TEXT, getenv("HOLDFAST_TEST_LOG") ? LOG_DEBUG : LOG_ERROR, 2);
	t->kind = kind;
	/* As tests/unit/service/fixture.c. */
	const char *where = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	assert_ok(text_format(t->dir, sizeof(t->dir), "%s/holdfast-p11-XXXXXX", where));
	assert_non_null(mkdtemp(t->dir));
	assert_ok(secret_new_from(VIEW_LITERAL("1234"), &t->pin));
	t->options.pin = t->pin;
	t->options.watch = &t->watch;
	t->options.clock = &clock_system;
	if (kind == TOKEN_NSS)
		make_nss(t);
	else
		make_softhsm(t, kind == TOKEN_SHIM ? SHIM_PATH : MODULE_SOFTHSM);
}

void token_open(struct token *t)
{
	assert_ok(hsm_local_open(&t->options, &t->hsm));
}

void token_close(struct token *t)
{
	hsm_close(&t->hsm);
}

void token_await_up(const struct token *t)
{
	struct hsm_status status = {.condition = HSM_AWAY};
	int64_t until = clock_steady_ms(&clock_system) + UP_WITHIN_MS;
	for (hsm_status(t->hsm, &status);
	     status.condition != HSM_UP && clock_steady_ms(&clock_system) < until;
	     hsm_status(t->hsm, &status))
		(void)usleep(5000);
	assert_int_equal(status.condition, HSM_UP);
}

static int remove_one(const char *path, UNUSED const struct stat *st, UNUSED int type,
		      UNUSED struct FTW *at)
{
	return remove(path);
}

void token_remove(struct token *t)
{
	token_close(t);
	secret_free(&t->pin);
	(void)nftw(t->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void token_directory(const struct token *t, char *out, size_t cap)
{
	char tokens[96];
	assert_ok(text_format(tokens, sizeof(tokens), "%s/tokens", t->dir));
	DIR *dir = opendir(tokens);
	assert_non_null(dir);
	out[0] = '\0';
	for (const struct dirent *d = readdir(dir); d != NULL; d = readdir(dir))
		if (d->d_name[0] != '.')
			assert_ok(text_format(out, cap, "%s/%s", tokens, d->d_name));
	(void)closedir(dir);
	assert_true(out[0] != '\0');
}

void token_shim(const struct token *t, const char *script)
{
	write_text(t->shim_script, script);
}

struct hsm_op op_of(enum hsm_verb verb)
{
	return (struct hsm_op){.verb = verb, .deadline_ms = clock_steady_ms(&clock_system) + 10000};
}

struct hsm_sealing sealing_of(const struct hsm_object *key)
{
	return (struct hsm_sealing){.key = key->id,
				    .suite = key->suite,
				    .purpose = HSM_PURPOSE_KMS,
				    .header = VIEW_LITERAL("header"),
				    .context = VIEW_LITERAL("context")};
}

struct hsm_key_id id_of(uint8_t n)
{
	struct hsm_key_id id = {{0}};
	id.bytes[HSM_KEY_ID_LEN - 1] = n;
	return id;
}

struct err make_key(struct hsm *hsm, uint8_t n, enum hsm_role role, struct hsm_object *out)
{
	static const char *const endings[] = {
		[HSM_ROLE_VERSION] = "key:1",
		[HSM_ROLE_ROW_SEAL] = "row-seal",
		[HSM_ROLE_AUDIT_SIGN] = "audit-sign",
		[HSM_ROLE_SECRET_WRAP] = "secret-wrap",
	};
	struct hsm_status status;
	hsm_status(hsm, &status);
	struct hsm_op op = op_of(HSM_KEY_GENERATE);
	op.object.id = id_of(n);
	op.object.role = role;
	if (role == HSM_ROLE_VERSION || role == HSM_ROLE_SECRET_WRAP)
		op.object.suite = status.suite;
	TRY(text_format(op.object.label, sizeof(op.object.label), "holdfast:unit:%s",
			endings[role]));
	TRY(hsm_call(hsm, &op));
	*out = op.object;
	return OK;
}

struct err seal_text(struct hsm *hsm, const struct hsm_sealing *s, const char *text,
		     struct buf *out)
{
	CLEANUP(secret_free) struct secret *plaintext = NULL;
	TRY(secret_new_from(view_of_text(text), &plaintext));
	struct hsm_op op = op_of(HSM_SEAL);
	op.to = *s;
	op.plaintext = plaintext;
	struct err e = hsm_call(hsm, &op);
	*out = op.sealed;
	op.sealed = (struct buf){0};
	hsm_op_cleanup(&op);
	return e;
}

struct err open_text(struct hsm *hsm, const struct hsm_sealing *s, struct view sealed,
		     const char *text)
{
	CLEANUP(hsm_op_cleanup) struct hsm_op op = op_of(HSM_OPEN);
	op.from = *s;
	op.sealed_in = sealed;
	TRY(hsm_call(hsm, &op));
	REQUIRE(view_equal_text(secret_view(op.plaintext_out), text), E_BUG);
	return OK;
}

CK_FUNCTION_LIST *token_raw(const struct token *t, CK_SESSION_HANDLE *session)
{
	CK_FUNCTION_LIST *list = t->hsm->module.funnel.list;
	if (session != NULL)
		assert_int_equal(list->C_OpenSession(t->hsm->module.slot,
						     CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL,
						     NULL, session),
				 CKR_OK);
	return list;
}

size_t token_session_objects(const struct token *t)
{
	CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
	CK_FUNCTION_LIST *raw = token_raw(t, &session);
	CK_BBOOL no = CK_FALSE;
	CK_ATTRIBUTE what = {CKA_TOKEN, &no, sizeof(no)};
	CK_OBJECT_HANDLE found[100];
	CK_ULONG count = 0;
	assert_int_equal(raw->C_FindObjectsInit(session, &what, 1), CKR_OK);
	assert_int_equal(raw->C_FindObjects(session, found, ARRAY_LEN(found), &count), CKR_OK);
	assert_int_equal(raw->C_FindObjectsFinal(session), CKR_OK);
	assert_int_equal(raw->C_CloseSession(session), CKR_OK);
	return count;
}
