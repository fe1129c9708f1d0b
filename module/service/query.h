/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The AWS Query protocol (STS, version 2011-06-15): a form with Action, Version and the parameters.
 * The form becomes the document that the schema's one validator reads.
 */
#ifndef HOLDFAST_SERVICE_QUERY_H
#define HOLDFAST_SERVICE_QUERY_H

#include "service/operation.h"

#define QUERY_VERSION "2011-06-15"

/* Fills work->in.form (once), work->operation_name and work->operation. E_SERIALIZATION for what
 * is no form, E_UNKNOWN_OPERATION. */
NODISCARD struct err query_find_operation(struct call_work *work);

/*
 * The form as a document for work->operation's schema: texts, numbers, truth values. A list is the
 * list of all values under its name, whatever structure they have: no operation takes one yet.
 * Parameters that the schema does not know are left out. *out: json_free(). E_NOMEM, E_BOUNDS.
 */
NODISCARD struct err query_document(const struct call_work *work, struct json **out);

#endif
