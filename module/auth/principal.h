/* SPDX-License-Identifier: Apache-2.0 */
/* Who is asking: a value, filled by authentication, read by authorisation and audit. */
#ifndef HOLDFAST_AUTH_PRINCIPAL_H
#define HOLDFAST_AUTH_PRINCIPAL_H

#include "base/err.h"

#define AUTH_ACCOUNT_LEN 12
#define AUTH_ARN_MAX 256
#define AUTH_NAME_MAX 128
#define AUTH_ACCESS_KEY_ID_MAX \
	128 /* IAM API: accessKeyIdType; ours are AKIA or ASIA and 16 characters, 20 in all */
#define AUTH_ACCESS_KEY_ID_LEN 20
#define AUTH_PRINCIPAL_ID_LEN 21 /* AIDA, AROA, ... and 17 characters */
#define AUTH_SECRET_KEY_LEN 40   /* characters of a secret access key */
#define AUTH_SESSION_NAME_MAX 64 /* STS API: roleSessionNameType */

/* Stored: never change a number. */
enum auth_principal_type {
	AUTH_ROOT = 1,
	AUTH_USER = 2,
	AUTH_ROLE_SESSION = 3,
	AUTH_SERVICE = 4,
	AUTH_OPERATOR = 5
};

/*
 * What each type has in `arn`, `id` and `name`:
 *
 *   ROOT          arn:aws:iam::<account>:root           the account     ""
 *   USER          arn:aws:iam::<account>:user/<name>    AIDA...         the user's name
 *   ROLE_SESSION  arn:aws:sts::<account>:assumed-role/<role>/<session>
 *                                                       AROA...         the session's name
 *   SERVICE       logs.us-east-1.amazonaws.com          AIDA...         the same as arn
 *   OPERATOR      holdfast:uid:<uid>                    uid:<uid>       for people
 *
 * A service's account is the one that runs it.
 */
struct auth_principal {
	enum auth_principal_type type; /* OPERATOR: over the admin socket, by peer credentials */
	char account[AUTH_ACCOUNT_LEN + 1];
	char arn[AUTH_ARN_MAX + 1];
	char id[AUTH_PRINCIPAL_ID_LEN + 1];
	char name[AUTH_NAME_MAX + 1];
	char access_key_id[AUTH_ACCESS_KEY_ID_MAX + 1];

	/* ROLE_SESSION: the role. */
	char role_arn[AUTH_ARN_MAX + 1]; /* arn:aws:iam::<account>:role/<name> */
	char role_name[AUTH_NAME_MAX + 1];

	/* Temporary credentials; zero and empty for a long-lived access key. */
	int64_t issued_ms;                         /* aws:TokenIssueTime */
	int64_t expires_ms;                        /* Unix time from which they are refused */
	char via_service[AUTH_NAME_MAX + 1];       /* a service acts for this principal: its name */
	char source_arn[AUTH_ARN_MAX + 1];         /* aws:SourceArn, of a service's own session */
	char source_account[AUTH_ACCOUNT_LEN + 1]; /* aws:SourceAccount, likewise */
};

#endif
