/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When each key was last used with success, and for what (KMS API: GetKeyLastUsage). Noted in
 * memory and written to the store every few seconds (notes.h); what is not written yet is answered
 * from memory.
 */
#ifndef HOLDFAST_SERVICE_LAST_USE_H
#define HOLDFAST_SERVICE_LAST_USE_H

#include "kms/catalog.h"

struct last_use;

struct last_use_options {
	struct kms_catalog catalog;
	uint32_t keys_max;    /* that wait to be written */
	uint32_t interval_ms; /* 0: 5,000; between two writes */
};

/* What GetKeyLastUsage tells. */
struct last_use_answer {
	bool used;
	struct kms_last_use use;
	int64_t since_ms; /* when the store began to keep it */
};

/* *out owned by the caller, last_use_stop(), which writes what is left. E_SYSTEM. */
NODISCARD struct err last_use_start(const struct last_use_options *options, struct last_use **out);
void last_use_stop(struct last_use **recorder);

/* Notes a use, unless a later one of the key is noted. Never blocks for long; thread-safe. */
void last_use_note(struct last_use *recorder, const struct kms_last_use *use);

/* The later of what is noted and what is stored. Blocks. What the store answers. */
NODISCARD struct err last_use_find(struct last_use *recorder, const struct kms_scope *scope,
				   const struct kms_key_id *key_id, struct last_use_answer *out);

/* Keys that wait to be written. */
size_t last_use_pending(struct last_use *recorder);

#endif
