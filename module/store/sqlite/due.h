/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is due, as questions to the indexes of schema 4: their texts. Each list is read in the order
 * of an index of its own, up to :limit rows, so that it costs what it tells, however many keys
 * there are. Columns as store_table_dues and store_table_due_counts have them.
 *
 * Parameters: :now and :kind; of lists also :owner and :limit. Rotations: :managed_ms, the period
 * of keys that services make, and :budget, with so many messages reserved a version is due.
 */
#ifndef HOLDFAST_STORE_SQLITE_DUE_H
#define HOLDFAST_STORE_SQLITE_DUE_H

/* Rotations: a key may be in several. */
extern const char sqlite_due_scheduled[];
extern const char sqlite_due_managed[];
extern const char sqlite_due_demanded[];
extern const char sqlite_due_budget[];
/* Deletions. */
extern const char sqlite_due_deletion[];
extern const char sqlite_due_destroying[];
/* Expiry. */
extern const char sqlite_due_ended[];
extern const char sqlite_due_going[];

extern const char sqlite_due_count_rotation[];
extern const char sqlite_due_count_deletion[];
extern const char sqlite_due_count_expiry[];

/* Behind the columns of claims AS c: failures of acts that may still become due. */
extern const char sqlite_due_failures[];

#endif
