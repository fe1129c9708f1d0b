/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/text.h"
#include "codec/hex.h"
#include "codec/json.h"
#include "codec/timestamp.h"
#include "crypto/digest.h"
#include "store/sqlite/replacement.h"

#define MODE 0600
#define FOLDER_MODE 0700
#define FOLDER_NAME "backups"
#define TEXT_MAX 4096
#define NAMES_MAX 100 /* of the same second and epoch */
#define PATH_ROOM (BACKUP_PATH_MAX + 16)

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

/* The one that is being made. */
struct making {
	struct wiring *w;
	char folder[BACKUP_PATH_MAX];
	char unfinished[PATH_ROOM];
	struct backup made;
};

static void making_cleanup(struct making *m)
{
	if (m->unfinished[0] != '\0')
		store_replacement_remove(m->unfinished);
}

static struct err failed(const char *what, const char *path)
{
	struct err e = ERR_DETAIL(errno == ENOSPC ? E_STORE_FULL : E_STORE, errno);
	log_event(LOG_ERROR, "backup.failed", LOG_TEXT("what", what), LOG_TEXT("path", path),
		  LOG_TEXT("action", "see that the service may write to backup_directory of "
				     "[store], and that there is room"),
		  LOG_ERR(e));
	return e;
}

/* --- where --- */

/* Beside the store unless a setting says otherwise. */
static struct err name_folder(struct making *m)
{
	const struct settings *s = m->w->settings;
	if (s->store.backup_directory[0] != '\0')
		return text_copy(m->folder, sizeof m->folder,
				 view_of_text(s->store.backup_directory));
	const char *slash = strrchr(s->store.path, '/');
	int before = slash != NULL ? (int)(slash - s->store.path) : 0;
	return text_format(m->folder, sizeof m->folder, "%.*s%s", before, s->store.path,
			   slash != NULL ? "/" FOLDER_NAME : FOLDER_NAME);
}

static struct err make_folder(struct making *m)
{
	TRY(name_folder(m));
	if (mkdir(m->folder, FOLDER_MODE) != 0 && errno != EEXIST)
		return failed("make the folder", m->folder);
	return OK;
}

static bool is_there(const char *path)
{
	struct stat status;
	return lstat(path, &status) == 0;
}

static struct err name_backup(struct making *m, const char *name)
{
	char now[TIMESTAMP_BASIC_TEXT];
	struct backup *made = &m->made;
	timestamp_basic(made->made_ms, now);
	if (name[0] != '\0')
		return text_format(made->path, sizeof made->path, "%s/%s", m->folder, name);
	TRY(text_format(made->path, sizeof made->path, "%s/holdfast-%s-%llu.db", m->folder, now,
			(unsigned long long)made->mark.epoch));
	/* A second one within a second of a store that rests. */
	for (unsigned next = 2; next <= NAMES_MAX && is_there(made->path); next++)
		TRY(text_format(made->path, sizeof made->path, "%s/holdfast-%s-%llu-%u.db",
				m->folder, now, (unsigned long long)made->mark.epoch, next));
	return OK;
}

/* --- the copy --- */

static struct err copy(struct making *m)
{
	const struct kms_manifest manifest = store_sqlite_manifest(m->w->store);
	TRY(text_format(m->unfinished, sizeof m->unfinished, "%s/.unfinished", m->folder));
	store_replacement_remove(m->unfinished);
	return manifest.ops->copy(manifest.self, m->unfinished);
}

/* All of it, as a start does; what the live store's mark was before bounds the copy's from below.
 */
static struct err verify(struct making *m, const struct kms_mark *before)
{
	struct store_sqlite *store = NULL;
	CLEANUP(kms_survey_cleanup) struct kms_survey survey = {0};
	const struct store_sqlite_options options = {.path = m->unfinished,
						     .sealer = service_sealer_port(&m->w->sealer),
						     .clock = &clock_system};
	TRY(store_sqlite_open(&options, &store));
	const struct kms_manifest manifest = store_sqlite_manifest(store);
	struct err e = manifest.ops->survey(
		manifest.self, &(struct kms_survey_options){.anchor = *before}, &survey);
	store_sqlite_close(&store);
	TRY(e);
	if (!err_is(survey.verdict, E_STORE_SEAL))
		TRY(survey.verdict);
	m->made.mark = survey.mark;
	m->made.rows = survey.rows;
	m->made.verdict = survey.verdict;
	return OK;
}

static struct err hash_mapped(int fd, size_t size, uint8_t out[SHA256_LEN])
{
	void *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		return ERR_DETAIL(E_STORE, errno);
	const struct view all = view_of(bytes, size);
	struct err e = digest_sha256(&all, 1, out);
	(void)munmap(bytes, size);
	return e;
}

static struct err hash(struct making *m)
{
	uint8_t digest[SHA256_LEN];
	struct stat status;
	struct writer w;
	CLEANUP(file_close) int fd = open(m->unfinished, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status) != 0 || fsync(fd) != 0)
		return failed("read", m->unfinished);
	m->made.bytes = (uint64_t)status.st_size;
	TRY(hash_mapped(fd, (size_t)status.st_size, digest));
	writer_init(&w, m->made.sha256, sizeof m->made.sha256);
	hex_encode(&w, VIEW_ARRAY(digest));
	return writer_end_text(&w);
}

/* --- what people want to know of it --- */

static void write_mark(struct json_out *out, const struct kms_mark *mark)
{
	char text[2 * KMS_MARK_DIGEST_LEN];
	struct writer w;
	writer_init(&w, text, sizeof text);
	hex_encode(&w, VIEW_ARRAY(mark->digest));
	json_out_integer(out, "epoch", (int64_t)mark->epoch);
	json_out_text(out, "digest", view_of(text, w.len));
}

static void write_head(struct json_out *out, struct wiring *w)
{
	struct audit_point head = {.sequence = 0};
	audit_log_point(w->audit, &head);
	json_out_begin_object(out, "auditLog");
	json_out_text(out, "name", view_of_text(w->settings->audit.name));
	json_out_text(out, "chain", view_of_text(head.chain));
	json_out_integer(out, "sequence", (int64_t)head.sequence);
	json_out_end_object(out);
}

static struct err write_text(struct making *m, struct writer *w)
{
	char made[TIMESTAMP_ISO_TEXT];
	struct hsm_status token;
	struct json_out out;
	hsm_status(m->w->hsm, &token);
	timestamp_iso(m->made.made_ms, true, made);
	json_out_init(&out, w);
	json_out_begin_object(&out, NULL);
	json_out_text(&out, "installation", view_of_text(m->w->installation.id));
	json_out_text(&out, "made", view_of_text(made));
	write_mark(&out, &m->made.mark);
	json_out_integer(&out, "rows", (int64_t)m->made.rows);
	json_out_text(&out, "verdict", view_of_text(err_name(m->made.verdict)));
	json_out_integer(&out, "schema", store_sqlite_schema());
	json_out_text(&out, "version", VIEW_LITERAL(HOLDFAST_VERSION));
	json_out_text(&out, "tokenSerial", view_of_text(token.serial));
	json_out_integer(&out, "bytes", (int64_t)m->made.bytes);
	json_out_text(&out, "sha256", view_of_text(m->made.sha256));
	write_head(&out, m->w);
	json_out_end_object(&out);
	TRY(json_out_end(&out));
	writer_text(w, "\n");
	return writer_end(w);
}

static struct err write_sidecar(struct making *m)
{
	char path[PATH_ROOM], text[TEXT_MAX];
	struct writer w;
	writer_init(&w, text, sizeof text);
	TRY(write_text(m, &w));
	TRY(text_format(path, sizeof path, "%s.json", m->made.path));
	(void)unlink(path); /* of a run that was interrupted: there is no backup of that name */
	CLEANUP(file_close)
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, MODE);
	if (fd < 0 || err_failed(file_write(fd, view_of(text, w.len))) || fsync(fd) != 0)
		return failed("write", path);
	return OK;
}

static struct err sync_folder(const char *path)
{
	CLEANUP(file_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 && fsync(fd) == 0 ? OK : failed("sync", path);
}

/* A link, which replaces nothing; the text first, so that no backup is without. */
static struct err give_name(struct making *m)
{
	if (is_there(m->made.path))
		return ERR(E_EXISTS);
	TRY(write_sidecar(m));
	if (link(m->unfinished, m->made.path) != 0)
		return errno == EEXIST ? ERR(E_EXISTS) : failed("link", m->made.path);
	return sync_folder(m->folder);
}

/* --- the port --- */

static struct err make(struct making *m, const char *name)
{
	const struct kms_manifest manifest = store_sqlite_manifest(m->w->store);
	struct kms_mark before = {0};
	TRY(make_folder(m));
	TRY(manifest.ops->mark(manifest.self, &before));
	TRY(copy(m));
	TRY(verify(m, &before));
	TRY(hash(m));
	TRY(name_backup(m, name));
	return give_name(m);
}

static struct err backup_make(void *self, const char *name, struct backup *out)
{
	struct making m = {.w = (struct wiring *)self,
			   .made = {.made_ms = clock_real_ms(&clock_system)}};
	int64_t began_ms = clock_steady_ms(&clock_system);
	REQUIRE(pthread_mutex_trylock(&one_at_a_time) == 0, E_BUSY);
	struct err e = make(&m, name);
	making_cleanup(&m); /* before the next one begins, which takes the same name */
	(void)pthread_mutex_unlock(&one_at_a_time);
	TRY(e);
	m.made.took_ms = clock_steady_ms(&clock_system) - began_ms;
	*out = m.made;
	log_event(LOG_INFO, "backup.made", LOG_TEXT("path", out->path),
		  LOG_NUMBER("bytes", out->bytes), LOG_NUMBER("epoch", out->mark.epoch),
		  LOG_NUMBER("took_ms", out->took_ms));
	return OK;
}

struct service_backups backup_port(struct wiring *w)
{
	return (struct service_backups){.make = backup_make, .self = w};
}
