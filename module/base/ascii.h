/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Classes of ASCII characters, whatever the locale: what names, ids and patterns like [\w+=,.@-]+
 * are made of. A byte beyond ASCII is of no class.
 */
#ifndef HOLDFAST_BASE_ASCII_H
#define HOLDFAST_BASE_ASCII_H

#include <stdbool.h>
#include <stdint.h>

#include "base/view.h"

enum ascii_class {
	ASCII_DIGIT = 1 << 0,
	ASCII_LOWER = 1 << 1,
	ASCII_UPPER = 1 << 2,
	ASCII_LETTER = ASCII_LOWER | ASCII_UPPER,
	ASCII_ALPHANUMERIC = ASCII_LETTER | ASCII_DIGIT,
};

/* `classes`: any of enum ascii_class, together. */
bool ascii_is(uint8_t c, unsigned classes);

/* Whether every byte is of one of the classes or among `marks`. Nothing at all is not enough. */
bool ascii_consists_of(struct view text, unsigned classes, struct view marks);

#endif
