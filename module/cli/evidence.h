/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bundle of evidence: a folder with exactly these files. evidence.json is everything, asked of
 * the running service; report.html shows it to people; SHA256SUMS has the digests of the first
 * three; signature.json is the token's signature over SHA256SUMS (audit/statement.h).
 */
#ifndef HOLDFAST_CLI_EVIDENCE_H
#define HOLDFAST_CLI_EVIDENCE_H

#include "audit/statement.h"
#include "base/buf.h"
#include "cli/audit_keys.h"
#include "cli/check_list.h"
#include "cli/command.h"
#include "crypto/ecdsa.h"

#define EVIDENCE_FORMAT "holdfast evidence 1"
#define EVIDENCE_FILE_MAX ((size_t)256 << 20)
#define EVIDENCE_TOKENS_MAX ((size_t)16 << 20) /* values and names in evidence.json */

enum evidence_file {
	EVIDENCE_JSON,
	EVIDENCE_REPORT,
	EVIDENCE_KEY,
	EVIDENCE_SUMS,
	EVIDENCE_SIGNATURE,
	EVIDENCE_FILE_COUNT
};
#define EVIDENCE_LISTED EVIDENCE_SUMS /* the files before it are in SHA256SUMS */
const char *evidence_file_name(enum evidence_file file);

struct evidence_bundle {
	struct buf files[EVIDENCE_FILE_COUNT];
};
void evidence_bundle_init(struct evidence_bundle *bundle);
void evidence_bundle_cleanup(struct evidence_bundle *bundle);

/* SHA256SUMS of the listed files, in the form of sha256sum(1). */
NODISCARD struct err evidence_sums(const struct evidence_bundle *bundle, struct buf *out);

struct evidence_signature {
	char installation[AUDIT_STATEMENT_INSTALLATION_MAX + 1];
	int64_t time_ms;
	uint8_t point[ECDSA_P256_POINT_LEN];
	uint8_t signature[ECDSA_P256_SIGNATURE_LEN];
	uint8_t digest[AUDIT_STATEMENT_DIGEST_LEN]; /* of SHA256SUMS */
};
/* signature.json, and back: the one written form, so that no byte of it can change. E_FORMAT. The
 * point is not in it, only its fingerprint: *read* does not set it. */
NODISCARD struct err evidence_signature_write(const struct evidence_signature *signature,
					      struct buf *out);
NODISCARD struct err evidence_signature_read(struct view text, struct evidence_signature *out);
/* E_CRYPTO_SIGNATURE, E_FORMAT. */
NODISCARD struct err evidence_signature_check(const struct evidence_signature *signature);

/* A folder that is there and empty, or is made (*made). What is wrong is said on standard error. */
NODISCARD enum exit_status evidence_folder_make(const char *path, bool *made);
NODISCARD enum exit_status evidence_folder_write(const char *path,
						 const struct evidence_bundle *bundle);
/* Rows for what cannot be read, is missing or does not belong there. */
void evidence_folder_read(const char *path, struct evidence_bundle *bundle,
			  struct check_list *list);

/* evidence.json, asked of the service over its admin socket; progress on a terminal. Blocks for as
 * long as that takes. */
NODISCARD enum exit_status evidence_gather(const struct command_context *context,
					   const struct audit_keys *older, struct buf *json,
					   uint8_t point[ECDSA_P256_POINT_LEN]);

/*
 * The member "Audit": the daemon's audit log, verified here and now when this user can read it:
 * with the service's key and `older` ones, and against the head that the service has told in
 * `machine` (DescribeInstallation).
 */
struct json_out;
void evidence_write_audit(const struct command_context *context, const struct json *machine,
			  const struct audit_keys *older, struct json_out *out);

/* The public key of the audit log in an answer of DescribeInstallation; false: it tells none. */
bool evidence_read_point(const struct json *machine, uint8_t point[ECDSA_P256_POINT_LEN]);

/* What the facts of a document (all members but the last two) say about each promise; members
 * Summary and Promises. Pure. */
void evidence_write_conclusions(const struct json *facts, struct json_out *out);

/* The report over the whole document. Pure. */
NODISCARD struct err evidence_report_write(const struct json *evidence, struct buf *html);

/* The bundle against itself, and each verdict in it against its facts. `pinned`: the key that it
 * must be signed with, or NULL. */
void evidence_verify(const struct evidence_bundle *bundle,
		     const uint8_t pinned[ECDSA_P256_POINT_LEN], struct check_list *list);

#endif
