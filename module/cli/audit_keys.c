/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/audit_keys.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/text.h"
#include "crypto/ecdsa.h"

#define FILE_MAX ((size_t)AUDIT_VERIFY_KEYS_MAX * ECDSA_PEM_MAX * 2)
#define KEY_MAX ((size_t)ECDSA_PEM_MAX * 2)
#define BEGINNING VIEW_LITERAL("-----BEGIN ")

const uint8_t *audit_keys_at(const struct audit_keys *keys, size_t index)
{
	return keys->points + index * AUDIT_POINT_LEN;
}

NODISCARD struct err audit_keys_add(struct audit_keys *keys, const uint8_t *point)
{
	for (size_t i = 0; i < keys->count; i++)
		if (mem_equal(audit_keys_at(keys, i), point, AUDIT_POINT_LEN))
			return OK;
	REQUIRE(keys->count < AUDIT_VERIFY_KEYS_MAX, E_BOUNDS);
	mem_copy(keys->points + keys->count * AUDIT_POINT_LEN, AUDIT_POINT_LEN, point,
		 AUDIT_POINT_LEN);
	keys->count++;
	return OK;
}

NODISCARD struct err audit_keys_add_pem(struct audit_keys *keys, struct view pem)
{
	uint8_t point[AUDIT_POINT_LEN];
	size_t at = view_search(pem, BEGINNING);
	REQUIRE(at < pem.len, E_FORMAT);
	while (at < pem.len) {
		struct view behind = view_part(pem, at + 1, pem.len);
		size_t len = 1 + view_search(behind, BEGINNING);
		/* What stands between two keys is as long as it is. */
		TRY(ecdsa_p256_pem_read(view_part(pem, at, MIN_OF(len, KEY_MAX)), point));
		TRY(audit_keys_add(keys, point));
		at += len;
	}
	return OK;
}

static enum exit_status read_file(const char *path, struct audit_keys *keys)
{
	char pem[FILE_MAX + 1];
	FILE *file = fopen(path, "re");
	if (file == NULL) {
		(void)fprintf(stderr, "holdfast: %s: %m\n", path);
		return EXIT_IO;
	}
	size_t len = fread(pem, 1, sizeof pem, file);
	(void)fclose(file);
	if (len > FILE_MAX) { /* what is cut off may be a key */
		(void)fprintf(stderr, "holdfast: %s: it is longer than %zu bytes\n", path,
			      FILE_MAX);
		return EXIT_USAGE;
	}
	struct err e = audit_keys_add_pem(keys, view_of(pem, len));
	if (err_is(e, E_BOUNDS))
		(void)fprintf(stderr, "holdfast: %s: more than %d keys\n", path,
			      AUDIT_VERIFY_KEYS_MAX);
	else if (err_failed(e))
		(void)fprintf(stderr, "holdfast: %s is no PEM file of P-256 public keys\n", path);
	return err_failed(e) ? EXIT_USAGE : EXIT_DONE;
}

NODISCARD enum exit_status audit_keys_read(const struct arguments *arguments, const char *option,
					   struct audit_keys *keys)
{
	enum exit_status status = EXIT_DONE;
	for (size_t i = 0; i < arguments->count && status == EXIT_DONE; i++) {
		const struct argument_given *given = &arguments->given[i];
		if (given->row->option != NULL && text_equal(given->row->option, option))
			status = read_file(given->text, keys);
	}
	return status;
}
