/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a bundle: their names, digests, signature, and the folder that they are in. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/evidence.h"
#include "codec/base64.h"
#include "codec/hex.h"
#include "codec/timestamp.h"
#include "crypto/digest.h"

#define READ_MAX ((size_t)64 << 10)
#define ALGORITHM "ECDSA over P-256 with SHA-256; r, then s"

static const char *const names[] = {
	[EVIDENCE_JSON] = "evidence.json",       [EVIDENCE_REPORT] = "report.html",
	[EVIDENCE_KEY] = "audit-public-key.pem", [EVIDENCE_SUMS] = "SHA256SUMS",
	[EVIDENCE_SIGNATURE] = "signature.json",
};

const char *evidence_file_name(enum evidence_file file)
{
	return names[file];
}

void evidence_bundle_init(struct evidence_bundle *bundle)
{
	for (size_t i = 0; i < EVIDENCE_FILE_COUNT; i++)
		buf_init(&bundle->files[i], EVIDENCE_FILE_MAX);
}

void evidence_bundle_cleanup(struct evidence_bundle *bundle)
{
	for (size_t i = 0; i < EVIDENCE_FILE_COUNT; i++)
		buf_cleanup(&bundle->files[i]);
}

NODISCARD struct err evidence_sums(const struct evidence_bundle *bundle, struct buf *out)
{
	struct writer w;
	writer_init_buf(&w, out);
	for (size_t i = 0; i < EVIDENCE_LISTED; i++) {
		uint8_t digest[SHA256_LEN];
		struct view content = buf_view(&bundle->files[i]);
		TRY(digest_sha256(&content, 1, digest));
		hex_encode(&w, VIEW_ARRAY(digest));
		writer_format(&w, "  %s\n", names[i]);
	}
	return writer_end(&w);
}

/* ---- the signature ---- */

NODISCARD struct err evidence_signature_write(const struct evidence_signature *signature,
					      struct buf *out)
{
	struct writer w;
	struct json_out json;
	char time[TIMESTAMP_ISO_TEXT], fingerprint[AUDIT_STATEMENT_FINGERPRINT_TEXT];
	TRY(audit_statement_fingerprint(VIEW_ARRAY(signature->point), fingerprint));
	timestamp_iso(signature->time_ms, true, time);
	writer_init_buf(&w, out);
	json_out_init(&json, &w);
	json_out_begin_object(&json, NULL);
	json_out_text(&json, "Statement", VIEW_LITERAL(AUDIT_STATEMENT_DOMAIN));
	json_out_text(&json, "Installation", view_of_text(signature->installation));
	json_out_text(&json, "Time", view_of_text(time));
	json_out_hex(&json, "Sha256Sums", VIEW_ARRAY(signature->digest));
	json_out_text(&json, "KeyFingerprint", view_of_text(fingerprint));
	json_out_text(&json, "Algorithm", VIEW_LITERAL(ALGORITHM));
	json_out_base64(&json, "Signature", VIEW_ARRAY(signature->signature));
	json_out_end_object(&json);
	TRY(json_out_end(&json));
	writer_text(&w, "\n");
	return writer_end(&w);
}

NODISCARD struct err evidence_signature_read(struct view text, struct evidence_signature *out)
{
	CLEANUP(json_free) struct json *json = NULL;
	struct writer w;
	TRY(json_parse(text, &json));
	TRY(text_copy(out->installation, sizeof out->installation,
		      json_string_of(json_member(json, "Installation"))));
	TRY(timestamp_parse_iso(json_string_of(json_member(json, "Time")), &out->time_ms));
	TRY(hex_decode(json_string_of(json_member(json, "Sha256Sums")), out->digest,
		       sizeof out->digest));
	writer_init(&w, out->signature, sizeof out->signature);
	TRY(base64_decode(&w, json_string_of(json_member(json, "Signature"))));
	REQUIRE(w.len == sizeof out->signature, E_FORMAT);
	return OK;
}

NODISCARD struct err evidence_signature_check(const struct evidence_signature *signature)
{
	struct audit_statement statement = {.installation = view_of_text(signature->installation),
					    .time_ms = signature->time_ms};
	uint8_t digest[AUDIT_STATEMENT_DIGEST_LEN];
	mem_copy(statement.digest, sizeof statement.digest, signature->digest,
		 sizeof signature->digest);
	TRY(audit_statement_digest(&statement, digest));
	return ecdsa_p256_verify(signature->point, digest, signature->signature);
}

/* ---- the folder ---- */

static bool is_dots(const char *name)
{
	return text_equal(name, ".") || text_equal(name, "..");
}

static void close_folder(DIR **folder)
{
	if (*folder != NULL)
		(void)closedir(*folder);
}

static enum exit_status cannot(const char *what, const char *path, const char *name,
			       enum exit_status status)
{
	(void)fprintf(stderr, "holdfast: cannot %s %s%s%s: %s\n", what, path,
		      name[0] != '\0' ? "/" : "", name, strerrordesc_np(errno));
	return status;
}

enum exit_status evidence_folder_make(const char *path, bool *made)
{
	*made = mkdir(path, 0700) == 0;
	if (*made)
		return EXIT_DONE;
	if (errno == ENOENT) {
		(void)fprintf(stderr,
			      "holdfast: cannot make %s: make the folder that it is to be in "
			      "first\n",
			      path);
		return EXIT_CREATE;
	}
	if (errno != EEXIST)
		return cannot("make", path, "", EXIT_CREATE);
	CLEANUP(close_folder) DIR *folder = opendir(path);
	if (folder == NULL)
		return cannot("open", path, "", EXIT_CREATE);
	for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
		if (is_dots(entry->d_name))
			continue;
		(void)fprintf(stderr,
			      "holdfast: %s is not empty; name a folder that is, or one that is "
			      "not there yet\n",
			      path);
		return EXIT_CREATE;
	}
	return EXIT_DONE;
}

enum exit_status evidence_folder_write(const char *path, const struct evidence_bundle *bundle)
{
	CLEANUP(file_close) int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return cannot("open", path, "", EXIT_CREATE);
	for (size_t i = 0; i < EVIDENCE_FILE_COUNT; i++) {
		CLEANUP(file_close)
		int fd = openat(folder, names[i],
				O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd < 0)
			return cannot("make", path, names[i], EXIT_CREATE);
		struct err e = file_write(fd, buf_view(&bundle->files[i]));
		if (err_failed(e) || fsync(fd) != 0)
			return cannot("write", path, names[i], EXIT_IO);
	}
	return fsync(folder) == 0 ? EXIT_DONE : cannot("sync", path, "", EXIT_IO);
}

static bool read_all(int fd, struct buf *out)
{
	uint8_t part[READ_MAX];
	for (;;) {
		ssize_t n = read(fd, part, sizeof part);
		if (n == 0)
			return true;
		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0 && err_failed(buf_append(out, view_of(part, (size_t)n)))) {
			errno = EFBIG;
			return false;
		}
	}
}

static void read_file(int folder, enum evidence_file file, struct evidence_bundle *bundle,
		      struct check_list *list)
{
	struct stat st = {0};
	CLEANUP(file_close)
	int fd = openat(folder, names[file], O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	bool is_file = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	if (fd >= 0 && !is_file)
		check_add(list, names[file], CHECK_FAILURE, "", "it is no plain file");
	else if (fd < 0 || !read_all(fd, &bundle->files[file]))
		check_add(list, names[file], CHECK_FAILURE,
			  "take the bundle from where it was made once more", "%s",
			  errno == ENOENT ? "it is missing" : strerrordesc_np(errno));
}

static bool belongs(const char *name)
{
	for (size_t i = 0; i < EVIDENCE_FILE_COUNT; i++)
		if (text_equal(name, names[i]))
			return true;
	return is_dots(name);
}

/* One of its files at least. */
static bool is_bundle(int folder)
{
	struct stat st;
	for (size_t i = 0; i < EVIDENCE_FILE_COUNT; i++)
		if (fstatat(folder, names[i], &st, AT_SYMLINK_NOFOLLOW) == 0)
			return true;
	return false;
}

void evidence_folder_read(const char *path, struct evidence_bundle *bundle, struct check_list *list)
{
	CLEANUP(close_folder) DIR *folder = opendir(path);
	if (folder == NULL) {
		check_add(list, "folder", CHECK_FAILURE, "name the folder of a bundle", "%s: %s",
			  path, strerrordesc_np(errno));
		return;
	}
	if (!is_bundle(dirfd(folder))) {
		check_add(list, "folder", CHECK_FAILURE, "name the folder of a bundle",
			  "there is no bundle in %s", path);
		return;
	}
	for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
		if (!belongs(entry->d_name))
			check_add(list, "folder", CHECK_FAILURE,
				  "remove it: no signature speaks for it",
				  "%.200s does not belong to the bundle", entry->d_name);
	for (size_t i = 0; i < EVIDENCE_FILE_COUNT; i++)
		read_file(dirfd(folder), (enum evidence_file)i, bundle, list);
}
