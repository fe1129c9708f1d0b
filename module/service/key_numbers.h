/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The highest version numbers that only the token knows: labels of objects that were found at the
 * start and that no version of the store names, as after the store was restored from an older copy.
 * Ciphertexts may name them: no other version may ever have such a number.
 */
#ifndef HOLDFAST_SERVICE_KEY_NUMBERS_H
#define HOLDFAST_SERVICE_KEY_NUMBERS_H

#include "kms/key.h"

struct key_numbers;

NODISCARD struct err key_numbers_new(struct key_numbers **out); /* key_numbers_free() */
void key_numbers_free(struct key_numbers **numbers);

/* A version of this key has that number. Thread-safe. E_NOMEM. */
NODISCARD struct err key_numbers_note(struct key_numbers *numbers, const struct kms_key_id *key_id,
				      uint32_t number);

/* The highest that was noted; 0: none. Thread-safe. */
uint32_t key_numbers_highest(struct key_numbers *numbers, const struct kms_key_id *key_id);

#endif
