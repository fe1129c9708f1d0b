/* SPDX-License-Identifier: Apache-2.0 */
/* Shapes of the KMS model that the operations on grants share. */
#ifndef HOLDFAST_SERVICE_GRANT_SHAPES_H
#define HOLDFAST_SERVICE_GRANT_SHAPES_H

#include "service/schema.h"

extern const struct schema_shape shape_principal_id;
extern const struct schema_shape shape_service_principal;
extern const struct schema_shape shape_grant_id;
extern const struct schema_shape shape_grant_token;
extern const struct schema_shape shape_grant_name;
extern const struct schema_shape shape_grant_operations;
extern const struct schema_shape shape_grant_constraints;

#endif
