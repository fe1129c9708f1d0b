/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The form that the AWS Query protocol sends: application/x-www-form-urlencoded, read strictly.
 * Names and values are text; a name stands once.
 */
#ifndef HOLDFAST_CODEC_FORM_H
#define HOLDFAST_CODEC_FORM_H

#include "base/err.h"
#include "base/view.h"

#define FORM_BYTES_MAX (64 << 10) /* of the encoded form */
#define FORM_PAIRS_MAX 256

struct form;

struct form_pair {
	struct view name;
	struct view value;
};

/*
 * name=value pairs with '&' between them; an empty text is an empty form. *out owned by the caller,
 * form_free(). E_FORMAT (a broken escape, a byte that must be escaped, a pair without '=' or
 * without a name, an escaped NUL), E_UTF8, E_DUPLICATE, E_BOUNDS, E_NOMEM.
 */
NODISCARD struct err form_parse(struct view text, struct form **out);
void form_free(struct form **form); /* *form may be NULL; wipes */

/* Number `at` of the pairs, decoded, in the order of the text; borrowed. false: no more. */
bool form_at(const struct form *form, size_t at, struct form_pair *out);

/* The value of that name; false (and empty): it is not there. */
bool form_find(const struct form *form, const char *name, struct view *value);

#endif
