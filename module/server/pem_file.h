/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PEM files as the [tls] settings name them. Who could write a certificate or read a key decides
 * whether the file is taken.
 */
#ifndef HOLDFAST_SERVER_PEM_FILE_H
#define HOLDFAST_SERVER_PEM_FILE_H

#include "base/buf.h"
#include "base/secret.h"

#define PEM_FILE_MAX ((size_t)1 << 20)

/* What is wrong with a file and what to do; static storage, NULL when nothing is. */
struct pem_file_fault {
	const char *what;
	int code; /* errno; 0: none */
};

/* Certificates: a regular file that only root or we can write. `out` is initialised by the caller.
 * E_TLS with *fault, E_NOMEM. */
NODISCARD struct err pem_file_read(const char *path, struct buf *out, struct pem_file_fault *fault);

/* A private key: moreover nobody else can read it, but one group when root owns it. */
NODISCARD struct err pem_file_read_key(const char *path, struct secret **out,
				       struct pem_file_fault *fault);

#endif
