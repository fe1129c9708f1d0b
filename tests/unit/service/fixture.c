/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/segment.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "codec/timestamp.h"
#include "hsm/p11/local.h"

#define MODULE "/usr/lib/softhsm/libsofthsm2.so"

static atomic_llong moved_real_ms, moved_steady_ms;

static int64_t moved_real(UNUSED const struct clock *self)
{
	return clock_real_ms(&clock_system) + atomic_load(&moved_real_ms);
}

static int64_t moved_steady(UNUSED const struct clock *self)
{
	return clock_steady_ms(&clock_system) + atomic_load(&moved_steady_ms);
}

const struct clock world_clock = {moved_real, moved_steady, moved_steady};

void world_advance(int64_t ms)
{
	atomic_fetch_add(&moved_real_ms, ms);
}

void world_add_steady(int64_t ms)
{
	atomic_fetch_add(&moved_steady_ms, ms);
}

void world_path(const struct world *w, const char *name, char out[96])
{
	assert_ok(text_format(out, 96, "%s/%s", w->dir, name));
}

static void make_token(struct world *w)
{
	char path[96], text[256];
	world_path(w, "tokens", path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_ok(text_format(text, sizeof text,
			      "directories.tokendir = %s\nobjectstore.backend = file\n"
			      "log.level = ERROR\n",
			      path));
	world_path(w, "softhsm2.conf", path);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(setenv("SOFTHSM2_CONF", path, 1), 0);
	CLEANUP(secret_free) struct secret *so_pin = NULL;
	CLEANUP(secret_free) struct secret *pin = NULL;
	assert_ok(secret_new_from(VIEW_LITERAL("so-pin-1234"), &so_pin));
	assert_ok(secret_new_from(VIEW_LITERAL("1234"), &pin));
	assert_ok(hsm_local_init_token(MODULE, "unit", so_pin, pin));
	const struct hsm_local_options options = {.module_path = MODULE,
						  .uri = "pkcs11:token=unit",
						  .pin = pin,
						  .suite = w->suite,
						  .clock = &clock_system};
	assert_ok(hsm_local_open(&options, &w->hsm));
}

static void open_store(struct world *w, struct world_service *s, bool create)
{
	char path[96];
	world_path(w, "holdfast.db", path);
	s->sealer = (struct service_sealer){.hsm = w->hsm, .clock = &world_clock};
	const struct store_sqlite_options options = {.path = path,
						     .create = create,
						     .sealer = service_sealer_port(&s->sealer),
						     .clock = &world_clock};
	assert_ok(store_sqlite_open(&options, &s->store));
}

static struct err keep(void *user, const char *access_key_id, const struct secret *secret_key)
{
	struct world *w = user;
	secret_free(&w->secret_key);
	TRY(text_copy(w->access_key_id, sizeof w->access_key_id, view_of_text(access_key_id)));
	return secret_new_from(secret_view(secret_key), &w->secret_key);
}

static struct err lose(UNUSED void *user, UNUSED const char *access_key_id,
		       UNUSED const struct secret *secret_key)
{
	return ERR(E_SYSTEM);
}

static void init_installation(struct world *w)
{
	struct world_service *s = &w->first;
	open_store(w, s, true);
	struct service_init_options options = {.hsm = w->hsm,
					       .installation = store_sqlite_installation(s->store),
					       .identities = store_sqlite_identities(s->store),
					       .manifest = store_sqlite_manifest(s->store),
					       .sealer = &s->sealer,
					       .clock = &world_clock,
					       .partition = "aws",
					       .region = WORLD_REGION,
					       .account = WORLD_ACCOUNT,
					       .administrator = "admin",
					       .keep = lose,
					       .user = w};
	/* Credentials that could not be kept: not initialised, and once more makes others. */
	assert_err(service_init(&options, &w->installation), E_SYSTEM);
	options.keep = keep;
	assert_ok(service_init(&options, &w->installation));
	assert_err(service_init(&options, &w->installation), E_ALREADY_INITIALISED);
	store_sqlite_close(&s->store);
}

void world_make(struct world *w)
{
	log_configure(LOG_FORM_TEXT, getenv("HOLDFAST_TEST_LOG") ? LOG_DEBUG : LOG_ERROR, 2);
	assert_ok(json_start());
	/* Memory where there is some: no disk loses its power here, and each sync of one takes
	 * milliseconds. */
	const char *where = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	assert_ok(text_format(w->dir, sizeof w->dir, "%s/holdfast-service-XXXXXX", where));
	assert_non_null(mkdtemp(w->dir));
	make_token(w);
	init_installation(w);
}

static int remove_one(const char *path, UNUSED const struct stat *st, UNUSED int type,
		      UNUSED struct FTW *at)
{
	return remove(path);
}

void world_remove(struct world *w)
{
	hsm_close(&w->hsm);
	secret_free(&w->secret_key);
	(void)nftw(w->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static atomic_bool audit_broken;

void world_break_audit(bool broken)
{
	atomic_store(&audit_broken, broken);
}

static ssize_t write_or_not(int fd, const struct iovec *parts, int count, off_t at)
{
	if (!atomic_load(&audit_broken))
		return segment_io_system.write(fd, parts, count, at);
	errno = ENOSPC;
	return -1;
}

static void open_audit(struct world_service *s)
{
	static struct segment_io io;
	io = segment_io_system;
	io.write = write_or_not;
	const struct audit_log_tuning tuning = {.io = &io, .zeros_bytes = 4096, .probe_ms = 50};
	const struct audit_log_options options = {.directory = s->audit_directory,
						  .clock = &world_clock};
	assert_ok(audit_log_open_tuned(&options, &tuning, &s->audit));
}

static struct err list_nothing(UNUSED void *self, UNUSED const struct kms_due_query *query,
			       struct kms_due **out, size_t *count)
{
	*out = NULL;
	*count = 0;
	return OK;
}

NODISCARD struct err world_try_start(struct world *w, struct world_service *s, const char *name)
{
	open_store(w, s, false);
	struct kms_installation installation;
	const struct kms_installation_store rows = store_sqlite_installation(s->store);
	assert_ok(service_open_installation(w->hsm, &rows, &s->sealer, &installation));
	world_path(w, name, s->audit_directory);
	(void)mkdir(s->audit_directory, 0750);
	open_audit(s);
	const struct kms_store store = store_sqlite_keys(s->store);
	s->ops = *store.ops;
	if (w->adjust != NULL)
		w->adjust(&s->ops);
	const struct kms_catalog catalog = store_sqlite_catalog(s->store);
	s->catalog = *catalog.ops;
	if (w->adjust_catalog != NULL)
		w->adjust_catalog(&s->catalog);
	const struct kms_grants grants = store_sqlite_grants(s->store);
	s->grants = *grants.ops;
	if (w->adjust_grants != NULL)
		w->adjust_grants(&s->grants);
	const struct kms_agenda agenda = store_sqlite_agenda(s->store);
	s->agenda = *agenda.ops;
	if (w->without_due_work)
		s->agenda.due_list = list_nothing;
	if (w->adjust_agenda != NULL)
		w->adjust_agenda(&s->agenda);
	struct auth_identities identities = store_sqlite_identities(s->store);
	if (w->adjust_identities != NULL)
		w->adjust_identities(&identities);
	struct service_options options = {
		.hsm = w->hsm,
		.store = {.ops = &s->ops, .self = store.self},
		.catalog = {.ops = &s->catalog, .self = catalog.self},
		.grants = {.ops = &s->grants, .self = grants.self},
		.agenda = {.ops = &s->agenda, .self = agenda.self},
		.identities = identities,
		.manifest = store_sqlite_manifest(s->store),
		.audit = s->audit,
		.audit_directory = s->audit_directory,
		.audit_name = name,
		.clock = &world_clock,
		.installation = installation,
		.direct_messages_max = w->direct_messages_max,
		.direct_block = w->direct_block,
		.rotation = w->rotation,
		.due_interval_ms = w->due_interval_ms,
		.due_share_percent = w->due_share_percent,
	};
	if (w->adjust_options != NULL)
		w->adjust_options(&options);
	struct err e = service_start(&options, &s->service);
	if (!err_failed(e))
		e = service_reconcile(s->service);
	if (err_failed(e))
		world_stop(s);
	return e;
}

void world_start(struct world *w, struct world_service *s, const char *name)
{
	assert_ok(world_try_start(w, s, name));
}

void world_stop(struct world_service *s)
{
	service_stop(&s->service);
	audit_log_close(&s->audit);
	store_sqlite_close(&s->store);
}

/* --- calls --- */

struct exchange {
	char date[TIMESTAMP_BASIC_TEXT];
	char target[128];
	char authorization[512];
	struct http_header headers[5];
	pthread_mutex_t lock;
	pthread_cond_t answered;
	bool done;
};

static void on_reply(struct call *call)
{
	struct exchange *x = call->user;
	pthread_mutex_lock(&x->lock);
	x->done = true;
	pthread_cond_signal(&x->answered);
	pthread_mutex_unlock(&x->lock);
}

static void write_authorization(const struct world *w, const struct twist *twist,
				struct exchange *x, const char *signature)
{
	const char *id = twist->access_key_id ? twist->access_key_id : w->access_key_id;
	assert_ok(text_format(x->authorization, sizeof x->authorization,
			      "AWS4-HMAC-SHA256 Credential=%s/%.8s/" WORLD_REGION
			      "/kms/aws4_request, SignedHeaders=content-type;host;x-amz-date;"
			      "x-amz-target, Signature=%s",
			      id, x->date, signature));
	x->headers[4].value = view_of_text(x->authorization);
}

static void sign(const struct world *w, const struct twist *twist, struct exchange *x,
		 const struct sigv4_request *http)
{
	char zeros[65], signature[65], canonical[8192], text[512];
	memset(zeros, '0', 64);
	zeros[64] = '\0';
	write_authorization(w, twist, x, zeros);
	struct sigv4_parsed parsed;
	struct sigv4_reason reason;
	struct writer c, t;
	assert_ok(sigv4_parse(http, &parsed, &reason));
	writer_init(&c, canonical, sizeof canonical);
	assert_ok(sigv4_canonical(http, &parsed, &c, &reason));
	writer_init(&t, text, sizeof text);
	assert_ok(sigv4_string_to_sign(&parsed, view_of(canonical, c.len), &t));
	CLEANUP(secret_free) struct secret *key = NULL;
	const struct secret *secret_key = twist->secret_key ? twist->secret_key : w->secret_key;
	assert_ok(sigv4_signing_key(secret_key, parsed.date, parsed.region, parsed.service, &key));
	assert_ok(sigv4_signature(key, view_of(text, t.len), signature));
	if (twist->break_signature)
		signature[10] = signature[10] == '0' ? '1' : '0';
	write_authorization(w, twist, x, signature);
}

static void write_headers(const struct world *w, const struct twist *twist, struct exchange *x,
			  struct call *call)
{
	int64_t now = clock_real_ms(&world_clock) - (twist->old_clock ? 3600000 : 0);
	timestamp_basic(now, x->date);
	x->headers[0] = (struct http_header){VIEW_LITERAL("Host"), VIEW_LITERAL("localhost:4599")};
	x->headers[1] = (struct http_header){VIEW_LITERAL("Content-Type"),
					     VIEW_LITERAL("application/x-amz-json-1.1")};
	x->headers[2] = (struct http_header){VIEW_LITERAL("X-Amz-Date"), view_of_text(x->date)};
	x->headers[3] = (struct http_header){VIEW_LITERAL("X-Amz-Target"), view_of_text(x->target)};
	x->headers[4] = (struct http_header){VIEW_LITERAL("Authorization"), VIEW_NONE};
	call->http.headers = x->headers;
	call->http.header_count = 5;
	sign(w, twist, x, &call->http);
	call->http.query = view_of_text(twist->query);
	if (twist->no_signature)
		call->http.header_count = 4;
}

static void take_reply(const struct call *call, struct reply *out)
{
	struct view body =
		call->body_secret ? secret_view(call->body_secret) : buf_view(&call->body);
	out->status = call->status;
	out->secret = call->body_secret != NULL;
	assert_ok(text_new(body, &out->body));
	if (body.len > 0)
		assert_ok(json_parse(view_of_text(out->body), &out->json));
	assert_int_equal(strlen(call->request_id), CALL_REQUEST_ID_LEN);
}

void world_call_twisted(struct world *w, const struct twist *twist, const char *operation,
			const char *body, struct reply *out)
{
	struct exchange x = {.lock = PTHREAD_MUTEX_INITIALIZER,
			     .answered = PTHREAD_COND_INITIALIZER};
	CLEANUP(call_free) struct call *call = NULL;
	assert_ok(call_new(&call));
	assert_ok(twist->target
			  ? text_copy(x.target, sizeof x.target, view_of_text(twist->target))
			  : text_format(x.target, sizeof x.target, "%s.%s",
					twist->admin ? "Holdfast" : "TrentService", operation));
	call->door = twist->admin ? CALL_DOOR_ADMIN : CALL_DOOR_PUBLIC;
	call->http.method = VIEW_LITERAL("POST");
	call->http.path = VIEW_LITERAL("/");
	call->http.body = view_of_text(body);
	call->source_address = VIEW_LITERAL("127.0.0.1");
	call->user_agent = view_of_text(twist->user_agent ? twist->user_agent : "unit");
	call->target = view_of_text(x.target);
	call->reply = on_reply;
	call->user = &x;
	if (twist->admin)
		call->peer_uid = getuid();
	else
		write_headers(w, twist, &x, call);
	service_handle(twist->service ? twist->service : w->first.service, call);
	pthread_mutex_lock(&x.lock);
	while (!x.done)
		pthread_cond_wait(&x.answered, &x.lock);
	pthread_mutex_unlock(&x.lock);
	take_reply(call, out);
}

void world_call(struct world *w, struct reply *out, const char *operation, const char *body, ...)
{
	static const struct twist straight;
	char *text = NULL;
	va_list args;
	va_start(args, body);
	assert_true(vasprintf(&text, body, args) >= 0);
	va_end(args);
	*out = (struct reply){0};
	world_call_twisted(w, &straight, operation, text, out);
	free(text);
}

void reply_cleanup(struct reply *r)
{
	json_free(&r->json);
	mem_free(r->body);
	r->body = NULL;
}

const char *reply_text(const struct reply *r, const char *member)
{
	struct view text = json_string_of(json_member(r->json, member));
	return text.len > 0 ? (const char *)text.ptr : ""; /* jansson ends texts with a NUL */
}

const char *reply_metadata(const struct reply *r, const char *member)
{
	const struct json *metadata = json_member(r->json, "KeyMetadata");
	struct view text = json_string_of(json_member(metadata, member));
	return text.len > 0 ? (const char *)text.ptr : "";
}

void world_create_key(struct world *w, const char *body, char id[KMS_KEY_ID_TEXT + 1])
{
	CLEANUP(reply_cleanup) struct reply r;
	world_call(w, &r, "CreateKey", "%s", body);
	assert_status(&r, 200);
	assert_ok(text_copy(id, KMS_KEY_ID_TEXT + 1, view_of_text(reply_metadata(&r, "KeyId"))));
}

static void append_file(const char *directory, const char *name, struct buf *out)
{
	char path[400], chunk[4096];
	assert_ok(text_format(path, sizeof path, "%s/%s", directory, name));
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;)
		assert_ok(buf_append(out, view_of(chunk, n)));
	(void)fclose(f);
}

char *world_audit(const struct world_service *s)
{
	struct dirent **names = NULL;
	int count = scandir(s->audit_directory, &names, NULL, alphasort);
	assert_true(count >= 0);
	CLEANUP(buf_cleanup) struct buf all;
	buf_init(&all, 64 << 20);
	for (int i = 0; i < count; i++) {
		if (names[i]->d_name[0] != '.' && strstr(names[i]->d_name, "lock") == NULL)
			append_file(s->audit_directory, names[i]->d_name, &all);
		free(names[i]);
	}
	free(names);
	/* the log is written ahead with zeros */
	char *text = NULL;
	assert_ok(text_new(view_part(buf_view(&all), 0, view_find(buf_view(&all), 0)), &text));
	return text;
}

const char *world_arn(const char *id)
{
	static char arn[KMS_KEY_ARN_TEXT];
	assert_ok(text_format(arn, sizeof arn,
			      "arn:aws:kms:" WORLD_REGION ":" WORLD_ACCOUNT ":key/%s", id));
	return arn;
}

void world_encrypt(struct world *w, const char *id, const char *plaintext, const char *context,
		   struct reply *out)
{
	world_call(w, out, "Encrypt",
		   "{\"KeyId\":\"%s\",\"Plaintext\":\"%s\",\"EncryptionContext\":%s}", id,
		   plaintext, context);
}

void world_decrypt(struct world *w, const char *blob, const char *context, struct reply *out)
{
	world_call(w, out, "Decrypt", "{\"CiphertextBlob\":\"%s\",\"EncryptionContext\":%s}", blob,
		   context);
}

void world_switch(struct world *w, const char *operation, const char *id)
{
	CLEANUP(reply_cleanup) struct reply r;
	world_call(w, &r, operation, "{\"KeyId\":\"%s\"}", id);
	assert_status(&r, 200);
	assert_string_equal(r.body, "");
}
