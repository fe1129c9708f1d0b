/* SPDX-License-Identifier: Apache-2.0 */
/* What `holdfast status` tells of the manifest, the anchor and the audit log's head. */
#ifndef HOLDFAST_SERVICE_ANCHORING_ROWS_H
#define HOLDFAST_SERVICE_ANCHORING_ROWS_H

#include "codec/json.h"
#include "service/checks.h"

struct service;

/* Rows for people. */
void anchoring_rows_add(struct service *service, struct service_checks *out);

/* Members "Manifest" and "Anchor" for programs. */
void anchoring_rows_write(struct service *service, struct json_out *out);

#endif
