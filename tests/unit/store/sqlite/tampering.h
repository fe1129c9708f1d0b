/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody does to a table behind the service's back, whichever table it is: to its first row,
 * or to its first two. */
#ifndef HOLDFAST_TESTS_STORE_TAMPERING_H
#define HOLDFAST_TESTS_STORE_TAMPERING_H

#include "tamper_subjects.h"

#include "store/manifest.h"

/* cmocka: tamper_setup(), rows in the table of principals, copies of all tables, and a manifest. */
int tampering_setup(void **state);

/* Each as SQL of the test's own, but the last two, which the service commits. */
void tampering_column(struct fixture *f, const struct store_table *table, size_t column);
void tampering_plant(struct fixture *f, const struct store_table *table);
void tampering_swap(struct fixture *f, const struct store_table *table);
void tampering_delete(struct fixture *f, const struct store_table *table);
void tampering_put_back(struct fixture *f, const struct store_table *table); /* as first copied */
void tampering_change(struct fixture *f, const struct store_table *table);
void tampering_remove(struct fixture *f, const struct store_table *table);

/* The table as it was copied. */
void tampering_restore(struct fixture *f, const struct store_table *table);

/* Its rows. */
int64_t tampering_rows(struct fixture *f, const struct store_table *table);
/* The primary key of the first row, for people. */
void tampering_name(struct fixture *f, const struct store_table *table, char out[STORE_KEY_TEXT]);

/* An index with nothing in it; the schema says what it said before. */
void tampering_index_empty(struct fixture *f, const char *index);
/* Where it begins, and another place for that. */
int64_t tampering_index_root(struct fixture *f, const char *index);
void tampering_index_point(struct fixture *f, const char *index, int64_t root);

#endif
