/* SPDX-License-Identifier: Apache-2.0 */
/* Who is asking: a value, filled by authentication, read by authorisation and audit. */
#ifndef HOLDFAST_AUTH_PRINCIPAL_H
#define HOLDFAST_AUTH_PRINCIPAL_H

#include "base/err.h"

#define AUTH_ACCOUNT_LEN 12
#define AUTH_ARN_MAX 256
#define AUTH_NAME_MAX 64
#define AUTH_ACCESS_KEY_ID_MAX \
	128 /* IAM API: accessKeyIdType; ours are AKIA and 16 characters, 20 in all */
#define AUTH_ACCESS_KEY_ID_LEN 20
#define AUTH_PRINCIPAL_ID_LEN 21 /* AIDA and 17 characters */
#define AUTH_SECRET_KEY_LEN 40   /* characters of a secret access key */

/* Stored: never change a number. */
enum auth_principal_type {
	AUTH_ROOT = 1,
	AUTH_USER = 2,
	AUTH_ROLE_SESSION = 3,
	AUTH_SERVICE = 4,
	AUTH_OPERATOR = 5
};

struct auth_principal {
	enum auth_principal_type type; /* OPERATOR: over the admin socket, by peer credentials */
	char account[AUTH_ACCOUNT_LEN + 1];
	char arn[AUTH_ARN_MAX + 1]; /* arn:aws:iam::<account>:user/<name> */
	char id[AUTH_PRINCIPAL_ID_LEN + 1];
	char name[AUTH_NAME_MAX + 1];
	char access_key_id[AUTH_ACCESS_KEY_ID_MAX + 1];
	bool administrator; /* may do everything in its account */
};

#endif
