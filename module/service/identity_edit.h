/* SPDX-License-Identifier: Apache-2.0 */
/* Changing the lists of an identity's details in memory, in their order. What is put is copied,
 * what is taken out is freed. */
#ifndef HOLDFAST_SERVICE_IDENTITY_EDIT_H
#define HOLDFAST_SERVICE_IDENTITY_EDIT_H

#include "auth/identity.h"

/* Replaces a text. E_NOMEM; then it is as it was. */
NODISCARD struct err identity_edit_text(char **text, struct view now);

/* The place of the name; false: there is none of that name. */
bool identity_edit_find(const struct auth_named_text *pairs, size_t count, struct view name,
			size_t *at);

/* Puts a pair, in place of one of the same name. E_NOMEM; then the list is as it was. */
NODISCARD struct err identity_edit_put(struct auth_named_text **pairs, size_t *count,
				       struct view name, struct view text);
void identity_edit_remove(struct auth_named_text *pairs, size_t *count, size_t at);

/* Lists of names. *added false: it was there. */
NODISCARD struct err identity_edit_add_name(char ***names, size_t *count, struct view name,
					    bool *added);
/* false: it was not there. */
bool identity_edit_remove_name(char **names, size_t *count, struct view name);

#endif
